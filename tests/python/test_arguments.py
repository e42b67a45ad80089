"""Tests that the error for a wrong argument names it, in terms of Python."""

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import dataclay_metrics as metrics
import pytest
from dataclay_metrics import CollectorRegistry

WRONG = [5, 2.5, None, b"x", "x", object(), [1], {1: 2}, {"x": 2}, iter([1]), int]
# Messages of CPython, which do not name the argument.
CPYTHON_MESSAGES = (
    r"must be real number|real number, not|could not convert string to float|os\.PathLike"
    r"|is not callable|path components|a registry accepts"
)
# Messages of PyO3, which use terms of Rust.
PYO3_MESSAGES = (
    r"is not an instance of|[Cc]an't extract|cannot be interpreted|cannot be converted|`|Vec|&str"
)
# Valid values of the arguments that a call requires. All others have their defaults.
VALID: dict[str, Any] = {
    "name": "things",
    "documentation": "help",
    "registry": CollectorRegistry(),
    "gateway": "127.0.0.1:9",
    "job": "job",
    "port": 70000,  # not valid, so no server starts; it is checked last
    "addr": "127.0.0.1",
    "path": "/absent/a.prom",
    "host": "127.0.0.1",
    "exporter": "none",
    "amount": 1,
    "value": 1,
    "timeout": 1.0,
    "f": int,
    "val": {},
    "labels": {},
    "names": [],
    "states": ["on", "off"],
    "state": "on",
}
# Calls that accept every object, because they read its truth or use it later.
ACCEPT_ANY = {
    "CollectorRegistry-auto_describe",
    "CollectorRegistry-support_collectors_without_names",
    "Counter.count_exceptions.1-exception",
    "make_asgi_app-disable_compression",
    "make_asgi_app-registry",
}


def unregistered(cls: Any) -> Any:
    """Returns a metric of this class that is in no registry."""
    takes_states = "states" in inspect.signature(cls).parameters
    states = {"states": VALID["states"]} if takes_states else {}
    return cls("things", "help", ["x"], registry=None, **states)


def public_callables() -> Iterator[tuple[str, Callable[..., object]]]:
    """Yields every function and every class, and the methods of their objects."""
    skipped = {"install", "shutdown", "start", "MetricsHandler", "Metric", "make_wsgi_app"}
    for name in sorted({*metrics.__all__} - skipped):
        value = getattr(metrics, name)
        if not callable(value) or hasattr(value, "collect") is not inspect.isclass(value):
            continue
        yield name, value
        if not inspect.isclass(value):
            continue
        if "labelnames" in inspect.signature(value).parameters:
            parent = unregistered(value)
            objects = [parent, parent.labels("y")]
        else:
            objects = [value()] if name == "CollectorRegistry" else []
        for at, one in enumerate(objects):
            for method in dir(one):
                if method[0] != "_" and callable(getattr(one, method)):
                    yield f"{name}.{method}.{at}", getattr(one, method)


def arguments() -> Iterator[tuple[str, Callable[..., object], str]]:
    """Yields every argument of every public function, class and method."""
    for where, function in public_callables():
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                yield where, function, parameter.name


CALLS = list(arguments())


@pytest.mark.parametrize(
    ("where", "function", "argument"), CALLS, ids=[f"{call[0]}-{call[2]}" for call in CALLS]
)
def test_the_error_for_a_wrong_argument_names_it(
    where: str,
    function: Callable[..., object],
    argument: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # some of the values are paths
    parameters = inspect.signature(function).parameters
    given = {name: VALID[name] for name in parameters if name in VALID}
    if "labelnames" in parameters:
        given["registry"] = None
    refused = 0
    for wrong in WRONG:
        if isinstance(wrong, int) if argument == "port" else argument == "handler" and wrong is int:
            continue  # this value is valid
        try:
            function(**given | {argument: wrong})
        except Exception as error:  # noqa: BLE001 - every error is checked
            refused += 1
            message = str(error)
            assert not re.search(PYO3_MESSAGES, message), (wrong, message)
            named = re.search(rf"\b{argument}\b", message) or re.search(CPYTHON_MESSAGES, message)
            if isinstance(error, TypeError):
                assert named, (wrong, message)
    assert (refused == 0) == (f"{where}-{argument}" in ACCEPT_ANY)


def test_a_flag_may_be_any_object() -> None:
    registry = CollectorRegistry(auto_describe=1, support_collectors_without_names=[])  # type: ignore[arg-type]
    assert registry.get_sample_value("absent") is None


def test_the_eighth_argument_must_be_none() -> None:
    before = ("eighth", "", (), "", "", "", None)
    gauge = metrics.Gauge(*before, None, "max")
    gauge.set(3)
    histogram = metrics.Histogram(*before, None, (1, 2))
    assert histogram.collect()[0].samples[0].labels == {"le": "1.0"}
    assert metrics.Enum(*before, None, ["on", "off"]).collect()
    for kind in (metrics.Counter, metrics.Gauge, metrics.Histogram, metrics.Summary, metrics.Info):
        assert kind(*before, _labelvalues=None).collect()
        with pytest.raises(ValueError, match="_labelvalues: must be None"):
            kind(*before, _labelvalues=("a",))


NAMES = {"site": 1, "rack": 2}


@pytest.mark.parametrize("kind", [list, tuple, dict, dict.keys, set, frozenset, iter])
def test_label_names_may_be_any_iterable_of_strings(kind: Any) -> None:
    metric = metrics.Gauge("g", "", kind(NAMES), registry=None)
    metric.labels(site="a", rack="b").set(3)
    assert metric.collect()[0].samples[0].labels == {"site": "a", "rack": "b"}


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            ("a", "h", ["x"]),
            ("a", "h", ["x", "y"]),
            r"a_total\[x, y\].*a_total\[x\].*other label names",
        ),
        (("a", "h", ["x", "y"]), ("a", "h", ["y", "x"]), r"\[y, x\].*\[x, y\].*in another order"),
        (("a", "h"), ("a", "i"), "another help text"),
        (("a_s", "h"), ("a_s", "h", (), "", "", "s"), "another unit"),
    ],
)
def test_the_error_for_a_duplicate_names_the_difference(
    first: tuple[Any, ...], second: tuple[Any, ...], message: str
) -> None:
    registry, counter = CollectorRegistry(), cast(Any, metrics.Counter)
    counter(*first, registry=registry)
    with pytest.raises(ValueError, match=message) as refused:
        counter(*second, registry=registry)
    assert refused.value.duplicates == {first[0] + "_total"}  # type: ignore[attr-defined]


def test_the_error_for_an_info_names_its_type() -> None:
    registry = CollectorRegistry()
    metrics.Gauge("a", "h", registry=registry)
    with pytest.raises(ValueError, match=r"info a_info.*gauge a"):
        metrics.Info("a", "h", registry=registry)
