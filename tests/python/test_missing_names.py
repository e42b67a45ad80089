"""Tests the errors for names that the package does not have."""

import doctest
import inspect
from types import ModuleType

import dataclay_metrics
import dataclay_metrics.exposition
import dataclay_metrics.openmetrics.exposition
import dataclay_metrics.registry
import interpreter
import pytest

MODULES = [
    dataclay_metrics,
    dataclay_metrics.exposition,
    dataclay_metrics.openmetrics.exposition,
    dataclay_metrics.registry,
]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("from dataclay_metrics import Conter", "no Conter: did you mean Counter?"),
        ("from dataclay_metrics import elephants", "no elephants"),
        ("from dataclay_metrics import CONTENT_TYPE_LATEST, Conter", "no Conter: did you mean"),
        (
            "from dataclay_metrics.registry import RestrictedRegistry",
            "no RestrictedRegistry: call registry.restricted_registry(names)",
        ),
        (
            "from dataclay_metrics.exposition import ThreadingWSGIServer as Server",
            "no ThreadingWSGIServer: start_http_server() has its own server",
        ),
    ],
)
def test_the_error_of_an_import_suggests_a_replacement(statement: str, message: str) -> None:
    with pytest.raises(ImportError) as raised:
        exec(statement, {})  # noqa: S102 - the statement is the subject of the test
    assert message in str(raised.value)
    assert raised.value.name == statement.split()[1]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_an_unknown_name_raises_an_attribute_error(module: ModuleType) -> None:
    assert not hasattr(module, "elephants")
    assert getattr(module, "elephants", 3) == 3
    with pytest.raises(AttributeError, match=f"'{module.__name__}' has no attribute 'elephants'"):
        _ = module.elephants
    assert inspect.unwrap(module) is module  # type: ignore[arg-type]
    assert inspect.getmembers(module)
    assert doctest.DocTestFinder().find(module)


def test_the_error_of_an_import_is_the_same_under_a_tracer() -> None:
    code = """
import sys
sys.settrace(lambda *_: None)
try:
    from dataclay_metrics import Conter
except ImportError as error:
    print(error)
"""
    assert interpreter.output(code) == "dataclay_metrics has no Conter: did you mean Counter?\n"


def test_str_of_a_metric_installed_as_prometheus_client_has_that_name() -> None:
    code = """
from dataclay_metrics.compat import install_as_prometheus_client
install_as_prometheus_client()
import prometheus_client
class Mine(prometheus_client.Counter): pass
jobs = prometheus_client.Counter("jobs", "Jobs", registry=None)
print(jobs, Mine("mine", "Mine", registry=None), sep="\\n")
print(repr(Mine.__new__(Mine)).partition(" at ")[0])
"""
    expected = [
        "prometheus_client.metrics.Counter(jobs)",
        "__main__.Mine(mine)",
        "<__main__.Mine object",
    ]
    assert interpreter.output(code).splitlines() == expected
