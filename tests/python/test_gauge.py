"""Tests gauges: the arguments of set, inc and dec, the errors for wrong ones, and functions."""

import inspect
import math
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import prometheus_client
import pytest
from dataclay_metrics import CollectorRegistry, Gauge, generate_latest
from threads import run_in_threads


class Index:
    """Converts to an int without being one."""

    def __repr__(self) -> str:
        return "Index()"

    def __index__(self) -> int:
        return 3


class Real:
    """Converts to a float without being one."""

    def __repr__(self) -> str:
        return "Real()"

    def __float__(self) -> float:
        return 0.25


class Big(int):
    """A subclass of int that converts to a float of another value."""

    def __float__(self) -> float:
        return 0.5


def new_gauge() -> Gauge:
    gauge = Gauge("jobs", "Jobs that run", registry=None)
    gauge.set(10)
    return gauge


NUMBERS: list[Any] = [
    *(0, 1, 2, -1, -5, 2**53 + 1, -(2**53) - 1, 2**63, 2**64 - 1, 2**64, -(2**64), 2**70, 10**300),
    *(0.0, -0.0, 0.5, -1.0, -2.5, 5e-324, 1e308, math.inf, -math.inf, math.nan),
    *(True, False, Index(), Real(), Big(7), Fraction(1, 4), Decimal("0.5")),
]


@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_a_number_is_converted_as_by_float(number: Any) -> None:
    expected = float(number)
    calls: list[tuple[Callable[[Any], object], float]] = [
        (lambda gauge: gauge.set(number), expected),
        (lambda gauge: gauge.set(value=number), expected),
        (lambda gauge: gauge.inc(number), 10 + expected),
        (lambda gauge: gauge.inc(amount=number), 10 + expected),
        (lambda gauge: gauge.dec(number), 10 - expected),
        (lambda gauge: gauge.dec(**{str(b"amount", "ascii"): number}), 10 - expected),
    ]
    for call, value in calls:
        gauge = new_gauge()
        assert call(gauge) is None
        # repr differs for -0.0 and 0.0, and is equal for two NaN.
        assert repr(gauge.get()) == repr(value)


def test_the_default_amount_is_one() -> None:
    gauge = new_gauge()
    gauge.inc()
    gauge.inc(*[])
    Gauge.inc(gauge)
    gauge.dec()
    assert gauge.get() == 12


WRONG: list[Callable[[Any], object]] = [
    lambda gauge: gauge.set(),
    lambda gauge: gauge.set(None),
    lambda gauge: gauge.set(1, 2),
    lambda gauge: gauge.set(amount=1),
    lambda gauge: gauge.set(1, value=2),
    lambda gauge: gauge.inc(None),
    lambda gauge: gauge.inc([]),
    lambda gauge: gauge.inc(1, 2),
    lambda gauge: gauge.inc(value=1),
    lambda gauge: gauge.dec(1, amount=2),
    lambda gauge: Gauge.set(),  # type: ignore[call-arg]
    lambda gauge: Gauge.inc(7),  # type: ignore[arg-type]
    lambda gauge: Gauge.dec("x", 1),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("call", WRONG)
def test_wrong_arguments_raise_a_type_error(call: Callable[[Any], object]) -> None:
    gauge = new_gauge()
    with pytest.raises(TypeError):
        call(gauge)
    assert gauge.get() == 10


def test_a_number_beyond_the_range_of_float_raises_an_overflow_error() -> None:
    ours = new_gauge()
    both: tuple[Any, Any] = (ours, prometheus_client.Gauge("jobs", "J", registry=None))
    for gauge in both:
        for call in (gauge.set, gauge.inc, gauge.dec):
            with pytest.raises(OverflowError):
                call(10**400)
    assert ours.get() == 10


def test_the_error_for_a_gauge_without_label_values_names_the_rule() -> None:
    parent = Gauge("jobs", "J", ["who"], registry=None)
    calls: list[Callable[[], None]]
    calls = [lambda: parent.set(1), parent.inc, lambda: parent.dec(0.5)]
    for call in calls:
        with pytest.raises(ValueError, match="choose a child"):
            call()


@pytest.mark.parametrize(
    ("name", "argument"), [("set", "value"), ("inc", "amount=1"), ("dec", "amount=1")]
)
def test_help_shows_the_signature(name: str, argument: str) -> None:
    method = getattr(Gauge, name)
    assert str(inspect.signature(method)).replace("/, ", "") == f"(self, {argument})"
    assert method.__doc__ and method.__qualname__ == f"Gauge.{name}"


def test_threads_lose_no_amount() -> None:
    gauge = new_gauge()

    def work() -> None:
        for _ in range(2_000):
            gauge.inc()
            gauge.inc(0.5)
            gauge.dec(1)

    run_in_threads([work] * 4)
    assert gauge.get() == 10 + 4 * 2_000 * 0.5


@pytest.mark.alone
def test_calls_leave_reference_counts_unchanged() -> None:
    gauge = new_gauge()
    values: list[Any] = [2.5, 10**40, Fraction(1, 2), [], 10**400]
    before = [sys.getrefcount(value) for value in (*values, gauge)]
    for _ in range(1_000):
        for value in values[:3]:
            gauge.set(value)
            gauge.inc(amount=value)
            gauge.dec(value)
        for value, error in ((values[3], TypeError), (values[4], OverflowError)):
            with pytest.raises(error):
                gauge.inc(value)
    after = [sys.getrefcount(value) for value in (*values, gauge)]
    assert [abs(a - b) < 100 for a, b in zip(after, before, strict=True)] == [True] * len(before)


def test_a_gauge_goes_up_and_down() -> None:
    gauge = Gauge("jobs_waiting", "Jobs waiting", registry=None)
    gauge.set(10)
    gauge.inc()
    gauge.inc(2.5)
    gauge.dec(amount=20)
    gauge.dec()
    assert gauge.get() == -7.5


def test_a_gauge_callback_is_called_at_each_read() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("jobs_waiting", "Jobs waiting", registry=registry)
    waiting = ["a", "b"]
    gauge.set_function(lambda: len(waiting))
    assert gauge.get() == 2
    waiting.append("c")
    assert b"\njobs_waiting 3.0\n" in generate_latest(registry)


@pytest.mark.alone
def test_a_failing_gauge_callback_is_skipped_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = CollectorRegistry()
    gauge = Gauge("jobs_waiting", "Jobs waiting", registry=registry)
    Gauge("other", "Another", registry=registry)
    results: list[object] = [1, "many", 2]
    gauge.set_function(lambda: results[-1])  # type: ignore[arg-type,return-value]
    assert b"\njobs_waiting 2.0\n" in generate_latest(registry)
    results.pop()
    for _ in range(3):
        assert b"\njobs_waiting" not in generate_latest(registry)
    assert math.isnan(gauge.get())
    assert [record.name for record in caplog.records] == ["dataclay_metrics"]
    assert "jobs_waiting" in caplog.text
    results.pop()
    assert gauge.get() == 1
