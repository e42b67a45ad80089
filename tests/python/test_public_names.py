"""Tests that the table in docs/python.md lists every name of prometheus_client correctly."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path

import dataclay_metrics
import prometheus_client
import prometheus_client.core
import prometheus_client.exposition
import prometheus_client.openmetrics.exposition
import prometheus_client.registry
import pytest

DOCS = Path(__file__).parents[2] / "docs" / "python.md"
TABLE = re.findall(r"^\| `([\w.]+)` \| (\w+) \|(.*)$", DOCS.read_text(), re.MULTILINE)
ROWS = {name: (verdict, note) for name, verdict, note in TABLE}


def metric_types() -> list[str]:
    """Returns the metric types that both packages have."""
    base = prometheus_client.metrics.MetricWrapperBase
    types = [name for name, value in vars(prometheus_client).items() if is_subclass(value, base)]
    return [name for name in types if hasattr(dataclay_metrics, name)]


def is_subclass(value: object, base: type) -> bool:
    return isinstance(value, type) and issubclass(value, base)


def public_names() -> set[str]:
    """Returns the public names of prometheus_client, its classes and its modules."""
    names = {*prometheus_client.__all__, *filter(re.compile("[^_]").match, dir(prometheus_client))}
    for kind in [*metric_types(), "CollectorRegistry", "Metric"]:
        public = [name for name in dir(getattr(prometheus_client, kind)) if name[0] != "_"]
        names |= {f"{kind}.{name}" for name in public}
    for module in (prometheus_client.core, prometheus_client.exposition):
        names |= {f"{module.__name__.split('.', 1)[1]}.{name}" for name in module.__all__}
    for module in (prometheus_client.exposition, prometheus_client.registry):
        names |= {
            f"{module.__name__.split('.', 1)[1]}.{name}"
            for name, value in vars(module).items()
            if name[0] != "_" and getattr(value, "__module__", None) == module.__name__
        }
    modules = {module.name for module in pkgutil.iter_modules(prometheus_client.__path__)}
    return (names | modules) - {"core", "exposition", "registry", "openmetrics"}


def look_up(package: str, name: str) -> object:
    """Returns the object with that name in a package. Raises AttributeError if there is none."""
    *path, last = name.split(".")
    owner: object = importlib.import_module(package)
    for at in range(1, len(path) + 1):
        try:
            owner = importlib.import_module(".".join([package, *path[:at]]))
        except ModuleNotFoundError:
            owner = getattr(owner, path[at - 1])
    if not path and last not in owner.__all__:  # type: ignore[attr-defined]
        try:
            return importlib.import_module(f"{package}.{last}")
        except ModuleNotFoundError as error:
            raise AttributeError(last) from error
    return getattr(owner, last)


def compare_modules(name: str) -> None:
    """Checks that a module is that of prometheus_client, or that neither can be imported."""
    try:
        theirs = importlib.import_module(f"prometheus_client.{name}")
    except ImportError:
        with pytest.raises(ImportError):
            importlib.import_module(f"dataclay_metrics.{name}")
    else:
        ours = importlib.import_module(f"dataclay_metrics.{name}")
        assert (ours.__file__, ours.__name__) == (theirs.__file__, f"dataclay_metrics.{name}")


def parameters(of: Callable[..., object]) -> set[str]:
    """Returns the names of the parameters that a caller can pass by name."""
    every = inspect.signature(of).parameters.values()
    named = {p.name for p in every if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    return {name for name in named if name != "self" and name[0] != "_"}


def test_the_table_lists_every_name() -> None:
    assert public_names() - ROWS.keys() == set()


@pytest.mark.parametrize("name", ROWS)
def test_each_row_is_correct(name: str) -> None:
    verdict, note = ROWS[name]
    assert verdict in ("same", "better", "different", "absent", "theirs")
    if verdict == "theirs":
        compare_modules(name)
        return
    if verdict == "absent":
        with pytest.raises(AttributeError):
            look_up("dataclay_metrics", name)
        return
    ours = look_up("dataclay_metrics", name)
    if not callable(ours) or (isinstance(ours, type) and issubclass(ours, Exception)):
        return
    assert ours.__doc__, f"help({name}) is empty"
    theirs = look_up("prometheus_client", name)
    assert callable(theirs)
    missing = parameters(theirs) - parameters(ours)
    assert missing <= set(re.findall(r"`(\w+)`", note)), (
        f"{name}: the note does not list absent parameters"
    )
