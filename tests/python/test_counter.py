"""Tests counters: the amounts that inc() accepts and refuses, and its other arguments."""

import inspect
import math
import sys
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from dataclay_metrics import Counter


class Index:
    """Converts to an int, but is not one."""

    def __index__(self) -> int:
        return 3


class Real:
    """Converts to a float, but is not one."""

    def __float__(self) -> float:
        return 0.25


def new_counter() -> Counter:
    return Counter("jobs", "Jobs done", registry=None)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda c: c.inc(), 1),
        (lambda c: c.inc(2), 2),
        (lambda c: c.inc(amount=2), 2),
        (lambda c: c.inc(**{str(b"amount", "ascii"): 2}), 2),
        (lambda c: c.inc(*[]), 1),
        (lambda c: c.inc(2.0), 2),
        (lambda c: c.inc(2.5), 2.5),
        (lambda c: c.inc(amount=2.5), 2.5),
        (lambda c: c.inc(0), 0),
        (lambda c: c.inc(0.0), 0),
        (lambda c: c.inc(-0.0), 0),
        (lambda c: c.inc(True), 1),
        (lambda c: c.inc(Index()), 3),
        (lambda c: c.inc(Real()), 0.25),
        (lambda c: c.inc(Fraction(1, 4)), 0.25),
        (lambda c: c.inc(Decimal("0.5")), 0.5),
        (lambda c: c.inc(2**63 - 1), 2**63 - 1),
        (lambda c: c.inc(2**63), 2**63),
        (lambda c: c.inc(2**64 - 1), 2**64 - 1),
        (lambda c: c.inc(2**70), 2.0**70),
        (lambda c: Counter.inc(c), 1),
        (lambda c: Counter.inc(c, 4), 4),
        (lambda c: c.inc.__call__(4), 4),
    ],
)
def test_inc_adds_every_kind_of_number(call: Callable[[Counter], object], expected: float) -> None:
    counter = new_counter()
    assert call(counter) is None
    assert counter.get() == expected
    assert isinstance(counter.get(), int) == isinstance(expected, int)


def test_integers_and_fractions_add_up() -> None:
    counter = Counter("seconds", "Seconds", registry=None)
    counter.inc()
    counter.inc(2)
    assert counter.get() == 3 and isinstance(counter.get(), int)
    counter.inc(amount=0.5)
    counter.inc(0)
    assert counter.get() == 3.5


REFUSED: list[Any] = [-1, -0.5, -(2**70), math.nan, math.inf, -math.inf, Fraction(-1, 4), -True]


@pytest.mark.parametrize("amount", REFUSED)
def test_inc_refuses_amounts_that_are_negative_or_not_finite(amount: Any) -> None:
    counter = new_counter()
    counter.inc(4)
    with pytest.raises(ValueError, match="only goes up"):
        counter.inc(amount)
    with pytest.raises(ValueError, match="only goes up"):
        counter.inc(amount=amount)
    assert counter.get() == 4


WRONG: list[Callable[[Any], object]] = [
    lambda c: c.inc("1"),
    lambda c: c.inc(None),
    lambda c: c.inc([]),
    lambda c: c.inc(1, 2),
    lambda c: c.inc(1, amount=2),
    lambda c: c.inc(value=2),
    lambda c: c.inc(amount=1, value=2),
    lambda c: Counter.inc(),  # type: ignore[call-arg]
    lambda c: Counter.inc(7),  # type: ignore[arg-type]
    lambda c: Counter.inc("x", 1),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("call", WRONG)
def test_wrong_arguments_raise_a_type_error(call: Callable[[Any], object]) -> None:
    counter = new_counter()
    with pytest.raises(TypeError):
        call(counter)
    assert counter.get() == 0


def test_inc_raises_the_exception_of_a_failed_conversion() -> None:
    counter = new_counter()

    class Failing:
        def __float__(self) -> float:
            raise LookupError("no")

    with pytest.raises(LookupError):
        counter.inc(Failing())  # type: ignore[arg-type]
    assert counter.get() == 0


def test_help_shows_the_signature_and_the_documentation() -> None:
    signature = str(inspect.signature(Counter.inc)).replace("self, /,", "self,")
    assert signature == "(self, amount=1, exemplar=None)"
    assert "ValueError" in (Counter.inc.__doc__ or "")
    assert Counter.inc.__qualname__ == "Counter.inc"


@pytest.mark.alone
def test_inc_leaves_reference_counts_unchanged() -> None:
    counter = new_counter()
    amount, name = 2.5, "amount"
    values: list[Any] = [amount, Fraction(1, 2), "x"]
    before = [sys.getrefcount(value) for value in (*values, counter, name)]
    for _ in range(1_000):
        counter.inc(amount)
        counter.inc(**{name: values[1]})
        with pytest.raises(TypeError):
            counter.inc(values[2])
    after = [sys.getrefcount(value) for value in (*values, counter, name)]
    assert [abs(a - b) < 100 for a, b in zip(after, before, strict=True)] == [True] * len(before)
