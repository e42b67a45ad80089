"""The same random operations on dataclay_metrics and on prometheus_client: equal after each round."""

import random
from collections.abc import Callable
from typing import Any

import dataclay_metrics
import prometheus_client
import pytest
from parsed import parsed

ROUNDS = 30
OPERATIONS = 40
VALUES = ["", "a", "b", 'quote"', "back\\slash", "new\nline", "Größe", 7, None, 1.5]
# Binary fractions: sums of others depend on the order, and ours are the more exact ones.
AMOUNTS = [0, 1, 2, 2.5, 2**-10, 2**40, True]

# An operation is drawn once and done to both libraries: each is a name and arguments.
Operation = Callable[[dict[str, Any]], None]


def counter_operation(pick: random.Random) -> Operation:
    amount = pick.choice(AMOUNTS)
    a, b = pick.choice(VALUES), pick.choice(VALUES)
    return pick.choice(
        [
            lambda m: m["counter"].inc(),
            lambda m: m["counter"].inc(amount),
            lambda m: m["counter"].inc(amount=amount),
            lambda m: m["labelled"].labels(a, b).inc(amount),
            lambda m: m["labelled"].labels(y=b, x=a).inc(),
            lambda m: m["labelled"].labels(a, b),
            lambda m: m["labelled"].remove(a, b),
            lambda m: m["labelled"].remove_by_labels({"x": a}),
        ]
    )


def gauge_operation(pick: random.Random) -> Operation:
    amount = pick.choice([*AMOUNTS, -3, float("inf")])
    a = pick.choice(VALUES)
    return pick.choice(
        [
            lambda m: m["gauge"].set(amount),
            lambda m: m["gauge"].inc(amount),
            lambda m: m["gauge"].dec(),
            lambda m: m["gauges"].labels(a).set(amount),
            lambda m: m["gauges"].labels(who=a).dec(amount),
            lambda m: m["gauges"].labels(a).set_function(lambda: amount),
            lambda m: m["gauges"].clear(),
        ]
    )


def other_operation(pick: random.Random) -> Operation:
    text = str(pick.choice(VALUES))
    return pick.choice(
        [
            lambda m: m["info"].info({"version": text}),
            lambda m: m["infos"].labels(text).info({"version": "1"}),
            lambda m: m["registry"].set_target_info({"host": text}),
            lambda m: m["registry"].set_target_info(None),
            lambda m: m["registry"].unregister(m["gauge"]),
            lambda m: m["registry"].register(m["gauge"]),
            lambda m: m["counter"].inc(-1),
            lambda m: m["labelled"].inc(),
            lambda m: m["labelled"].labels("one"),
            lambda m: m["labelled"].labels("a", y="b"),
            lambda m: m["labelled"].labels(x="a", z="b"),
            lambda m: m["counter"].labels("x"),
            lambda m: m["labelled"].labels("a", "b").labels("a", "b"),
        ]
    )


def build(library: Any) -> dict[str, Any]:
    registry = library.CollectorRegistry()
    return {
        "registry": registry,
        "counter": library.Counter("jobs", "Jobs", unit="seconds", registry=registry),
        "labelled": library.Counter("calls_total", "C", ("x", "y"), "ns", "sub", registry=registry),
        "gauge": library.Gauge("room", "Room\nleft", namespace="n", registry=registry),
        "gauges": library.Gauge("queue", "Q", ["who"], registry=registry),
        "info": library.Info("build", "B", registry=registry),
        "infos": library.Info("parts", "P", labelnames=["name"], registry=registry),
    }


def outcome(operation: Operation, metrics: dict[str, Any]) -> type[Exception] | None:
    """The exception that is part of the interface: ours may be a subclass of theirs."""
    try:
        operation(metrics)
    except (ValueError, KeyError) as error:
        return KeyError if isinstance(error, KeyError) else ValueError
    return None


def exposed(library: Any, metrics: dict[str, Any]) -> Any:
    return parsed(library.generate_latest(metrics["registry"]))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_both_libraries_expose_the_same(seed: int) -> None:
    pick = random.Random(seed)
    ours, theirs = build(dataclay_metrics), build(prometheus_client)
    for _ in range(OPERATIONS):
        draw = pick.choice([counter_operation, counter_operation, gauge_operation, other_operation])
        operation = draw(pick)
        assert outcome(operation, ours) == outcome(operation, theirs)
    expected = exposed(prometheus_client, theirs)
    assert exposed(dataclay_metrics, ours) == expected
    for name, labels in [("jobs_seconds_total", {}), ("queue", {"who": "a"}), ("nothing", {})]:
        value = ours["registry"].get_sample_value(name, labels)
        assert value == theirs["registry"].get_sample_value(name, labels)
    names = ["ns_sub_calls_total", "n_room"]
    restricted = {"registry": ours["registry"].restricted_registry(names)}
    assert exposed(dataclay_metrics, restricted) == exposed(
        prometheus_client, {"registry": theirs["registry"].restricted_registry(names)}
    )
