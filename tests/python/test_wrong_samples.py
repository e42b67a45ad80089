"""Tests wrong samples of custom collectors: the exposition omits only them, and each is logged."""

import logging
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import interpreter
import pytest
from dataclay_metrics import CollectorRegistry, Gauge, Metric, generate_latest
from dataclay_metrics.core import Exemplar, GaugeMetricFamily
from dataclay_metrics.openmetrics import exposition

pytestmark = pytest.mark.alone


class Number:
    def __float__(self) -> float:
        return 7.5


def sample(*sample: Any, kind: str = "gauge") -> Metric:
    family = Metric("odd", "Odd", kind)
    family.add_sample(*sample)
    return family


def with_exemplar(exemplar: object, name: str = "odd_total", kind: str = "counter") -> Metric:
    return sample(name, {}, 1, None, exemplar, kind=kind)


def with_attribute(name: str, value: object) -> Metric:
    family = sample("odd", {}, 1)
    setattr(family, name, value)
    return family


def with_duplicate() -> Metric:
    family = GaugeMetricFamily("odd", "Odd", labels=["l"])
    family.add_metric(["a"], 1)
    family.add_metric(["a"], 2)
    family.add_metric(["b"], 3)
    return family


# Each row has an object that a collector yields, and the lines that are exposed.
ODD: list[tuple[Callable[[], Any], list[str]]] = [
    (lambda: sample("odd", {}, "230.1"), ["odd 230.1"]),
    (lambda: sample("odd_total", {}, "12", kind="counter"), ["odd_total 12.0"]),
    (lambda: sample("odd", {}, "n/a"), []),
    (lambda: sample("odd", {}, None), []),
    (lambda: sample("odd", {}, Decimal("1.5")), ["odd 1.5"]),
    (lambda: sample("odd", {}, Number()), ["odd 7.5"]),
    (lambda: sample("even", {}, 1), []),
    (lambda: sample("odd_max", {}, 1, kind="summary"), []),
    (lambda: sample("odd", {"a": 1}, 1), ['odd{a="1"} 1.0']),
    (lambda: sample("odd", {"__a": "x"}, 1), []),
    (lambda: sample("odd", [("a", "x")], 1), []),
    (lambda: sample("odd", None, 1), ["odd 1.0"]),
    (lambda: sample("odd", MappingProxyType({"a": "x"}), 1), ['odd{a="x"} 1.0']),
    (lambda: sample("odd_sum", {}, "1e3", kind="histogram"), ["odd_sum 1000.0"]),
    (lambda: sample("odd_gsum", {}, 1, kind="histogram"), []),
    (lambda: with_exemplar("7b"), ["odd_total 1.0"]),
    (lambda: with_exemplar(Exemplar({"__a": "x"}, 1)), ["odd_total 1.0"]),
    (lambda: with_exemplar(Exemplar({"a": "x" * 200}, 1)), ["odd_total 1.0"]),
    (lambda: with_exemplar(Exemplar({"a": "x"}, "n/a")), ["odd_total 1.0"]),  # type: ignore[arg-type]
    (lambda: with_exemplar(Exemplar({"a": "x"}, 1), "odd", "gauge"), ["odd 1.0"]),
    (lambda: with_exemplar(Exemplar({"a": "x"}, 1), "odd_sum", "histogram"), ["odd_sum 1.0"]),
    (lambda: with_attribute("name", ""), []),
    (lambda: with_attribute("type", "gaugehistogram"), ["odd 1.0"]),
    (lambda: with_attribute("unit", "bytes"), ["odd 1.0"]),
    (lambda: with_attribute("documentation", None), ["odd 1.0"]),
    (lambda: with_attribute("samples", [5, ("odd",), ("odd", {}, 1)]), ["odd 1.0"]),
    (lambda: with_attribute("samples", None), []),
    (lambda: 5, []),
    (lambda: None, []),
    (with_duplicate, ['odd{l="a"} 1.0', 'odd{l="b"} 3.0']),
]


@pytest.mark.parametrize(("make", "exposed"), ODD)
def test_only_the_wrong_sample_is_omitted(
    make: Callable[[], Any], exposed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    class Collector:
        def collect(self) -> Iterator[Any]:
            yield GaugeMetricFamily("before", "Before", value=1)
            yield make()
            yield GaugeMetricFamily("after", "After", value=1)

    registry = CollectorRegistry()
    registry.register(Collector())
    for _ in range(3):
        for generate in (generate_latest, exposition.generate_latest):
            lines = generate(registry).decode().splitlines()
            assert {"before 1.0", "after 1.0"} <= set(lines)
            assert [line for line in lines if line.startswith("odd")] == exposed
    assert len(caplog.records) <= 2  # one of each class of exception
    assert all(record.exc_info for record in caplog.records)


def two_metrics(kind: str, suffix: str, wrong: object, **labels: str) -> Metric:
    """Returns a family of two metrics. The one with ``l="a"`` has this value in one sample."""
    family = Metric("odd", "Odd", kind)
    samples = {
        "histogram": [("_bucket", {"le": "1"}), ("_bucket", {"le": "+Inf"}), ("_count", {})],
        "gaugehistogram": [("_bucket", {"le": "+Inf"}), ("_gcount", {}), ("_gsum", {})],
        "summary": [("", {"quantile": "0.5"}), ("_count", {}), ("_sum", {}), ("_created", {})],
    }
    for of in "ab":
        for name, own in samples[kind]:
            is_wrong = of == "a" and (name, own) == (suffix, labels)
            family.add_sample(f"odd{name}", {"l": of} | own, wrong if is_wrong else 5)  # type: ignore[arg-type]
    return family


@pytest.mark.parametrize(
    ("make", "exposed"),
    [
        (lambda: two_metrics("histogram", "_bucket", "n/a", le="1"), "b b b"),
        (lambda: two_metrics("histogram", "_count", None), "b b b"),
        (lambda: two_metrics("gaugehistogram", "_bucket", [], le="+Inf"), "b b b"),
        (lambda: two_metrics("gaugehistogram", "_gsum", "n/a"), "b b b"),
        (lambda: two_metrics("gaugehistogram", "_gsum", None), "a a b b b"),
        (lambda: two_metrics("summary", "_sum", {}), "b b b b"),
        # A summary is correct without a quantile, and without its start time.
        (lambda: two_metrics("summary", "", "n/a", quantile="0.5"), "a a a b b b b"),
        (lambda: two_metrics("summary", "_created", "n/a"), "a a a b b b b"),
    ],
)
def test_a_histogram_or_summary_with_a_wrong_sample_is_omitted(
    make: Callable[[], Metric], exposed: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Collector:
        def collect(self) -> list[Metric]:
            return [make()]

    registry = CollectorRegistry()
    registry.register(Collector())
    (family,) = registry.collect()
    assert sorted(sample.labels["l"] for sample in family.samples) == exposed.split()
    # A gauge histogram may have no sum, so nothing is logged.
    assert len(caplog.records) == (exposed != "a a b b b")


def test_families_before_an_exception_are_exposed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Collector:
        def collect(self) -> Iterator[Any]:
            yield GaugeMetricFamily("before", "Before", value=1)
            family = GaugeMetricFamily("odd", "Odd", labels=["l"])
            family.add_metric([], 1)
            yield family

    registry = CollectorRegistry()
    registry.register(Collector())
    assert generate_latest(registry).endswith(b"\nbefore 1.0\n")
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("dataclay_metrics", logging.WARNING)
    assert record.exc_info is not None
    assert "test_wrong_samples.py" in logging.Formatter().formatException(record.exc_info)


def test_the_log_record_of_a_failed_gauge_function_has_the_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gauge = Gauge("room", "Room", registry=None)
    numbers: dict[str, float] = {}
    gauge.set_function(lambda: numbers["deep"])
    assert str(gauge.get()) == "nan"
    (record,) = caplog.records
    assert record.exc_info is not None and record.exc_info[0] is KeyError
    assert record.getMessage() == "the function of gauge room failed: KeyError: 'deep'"


def test_a_gauge_converts_text_to_a_number() -> None:
    gauge = Gauge("room", "Room", registry=None)
    gauge.set("21.5")
    assert gauge.get() == 21.5
    for wrong in ("warm", None, [1]):
        with pytest.raises((TypeError, ValueError)):
            gauge.set(wrong)  # type: ignore[arg-type]
    assert gauge.get() == 21.5


def test_a_family_that_contradicts_another_is_omitted_and_logged() -> None:
    code = """
import logging, threading
import dataclay_metrics as m
from dataclay_metrics.core import CounterMetricFamily, GaugeMetricFamily

class Handler(logging.Handler):
    def emit(self, record):
        print(record.getMessage())
        logged.release()

logged = threading.Semaphore(0)
logging.getLogger("dataclay_metrics").addHandler(Handler())
registry = m.CollectorRegistry()
m.Gauge("own", "", registry=registry).set(1)

class Collector:
    def collect(self):
        yield CounterMetricFamily("odd", "", value=1)
        yield GaugeMetricFamily("odd_total", "", value=2)
        yield m.Metric("own", "", "summary")

registry.register(Collector())
for _ in range(3):
    text = m.generate_latest(registry).decode()
assert "\\nodd_total 1.0\\n" in text and "\\nown 1.0\\n" in text and "summary" not in text, text
for _ in range(2):
    assert logged.acquire(timeout=50)
"""
    assert sorted(interpreter.output(code).splitlines()) == [
        "the family odd_total of a collector is left out: one of that name is a counter",
        "the family own of a collector is left out: one of that name is a gauge",
    ]
