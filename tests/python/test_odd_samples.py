"""Tests that what a custom collector cannot expose costs itself alone, and is logged well."""

import logging
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from dataclay_metrics import CollectorRegistry, Gauge, Metric, generate_latest
from dataclay_metrics.core import GaugeMetricFamily

pytestmark = pytest.mark.alone


class Number:
    def __float__(self) -> float:
        return 7.5


def sample(*sample: Any, kind: str = "gauge") -> Metric:
    family = Metric("odd", "Odd", kind)
    family.add_sample(*sample)
    return family


def with_attribute(name: str, value: object) -> Metric:
    family = sample("odd", {}, 1)
    setattr(family, name, value)
    return family


def twice() -> Metric:
    family = GaugeMetricFamily("odd", "Odd", labels=["l"])
    family.add_metric(["a"], 1)
    family.add_metric(["a"], 2)
    family.add_metric(["b"], 3)
    return family


# A family or another thing that a collector yields, and the lines that are exposed of it.
ODD: list[tuple[Callable[[], Any], list[str]]] = [
    (lambda: sample("odd", {}, "230.1"), ["odd 230.1"]),
    (lambda: sample("odd_total", {}, "12", kind="counter"), ["odd_total 12"]),
    (lambda: sample("odd", {}, "n/a"), []),
    (lambda: sample("odd", {}, None), []),
    (lambda: sample("odd", {}, Decimal("1.5")), ["odd 1.5"]),
    (lambda: sample("odd", {}, Number()), ["odd 7.5"]),
    (lambda: sample("even", {}, 1), []),
    (lambda: sample("odd_max", {}, 1, kind="summary"), []),
    (lambda: sample("odd", {"a": 1}, 1), ['odd{a="1"} 1']),
    (lambda: sample("odd", {"a-b": "x"}, 1), []),
    (lambda: sample("odd", [("a", "x")], 1), []),
    (lambda: with_attribute("name", "od-d"), []),
    (lambda: with_attribute("type", "gaugehistogram"), []),
    (lambda: with_attribute("unit", "bytes"), ["odd 1"]),
    (lambda: with_attribute("documentation", None), ["odd 1"]),
    (lambda: with_attribute("samples", [5, ("odd",), ("odd", {}, 1)]), ["odd 1"]),
    (lambda: with_attribute("samples", None), []),
    (lambda: 5, []),
    (lambda: None, []),
    (twice, ['odd{l="a"} 1', 'odd{l="b"} 3']),
]


@pytest.mark.parametrize(("make", "exposed"), ODD)
def test_an_odd_sample_costs_itself(
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
        lines = generate_latest(registry).decode().splitlines()
        assert {"before 1", "after 1"} <= set(lines)
        assert [line for line in lines if line.startswith("odd")] == exposed
    assert len(caplog.records) <= 2  # one for each class of exception
    assert all(record.exc_info for record in caplog.records)


def test_an_exception_costs_what_would_have_come_after_it(
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
    assert generate_latest(registry).endswith(b"\nbefore 1\n")
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("dataclay_metrics", logging.WARNING)
    assert record.exc_info is not None
    assert "test_odd_samples.py" in logging.Formatter().formatException(record.exc_info)


def test_the_log_line_of_a_gauges_function_has_the_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gauge = Gauge("room", "Room", registry=None)
    numbers: dict[str, float] = {}
    gauge.set_function(lambda: numbers["deep"])
    assert str(gauge.get()) == "nan"
    (record,) = caplog.records
    assert record.exc_info is not None and record.exc_info[0] is KeyError
    assert record.getMessage() == "the function of gauge room failed: KeyError: 'deep'"


def test_a_gauge_takes_a_number_as_text() -> None:
    gauge = Gauge("room", "Room", registry=None)
    gauge.set("21.5")
    assert gauge.get() == 21.5
    for wrong in ("warm", None, [1]):
        with pytest.raises((TypeError, ValueError)):
            gauge.set(wrong)  # type: ignore[arg-type]
    assert gauge.get() == 21.5
