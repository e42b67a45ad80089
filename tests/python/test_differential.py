"""Tests that random operations have the same effect in this package and in prometheus_client."""

import importlib
import math
import random
from collections.abc import Callable
from typing import Any

import dataclay_metrics
import prometheus_client
import pytest
from parsed import parsed
from prometheus_client.openmetrics.parser import text_string_to_metric_families

ROUNDS = 30
SAMPLE_NAMES = [
    "jobs_seconds_total",
    "jobs_seconds",
    "ns_sub_calls_total",
    "n_room",
    "queue",
    "build_info",
    "parts_info",
    "wait_seconds",
    "size_bytes_bucket",
    "time",
    "time_count",
    "n_answers_sum",
    "state",
    "states",
    "target_info",
    "nothing",
]
OPERATIONS = 40
VALUES = ["", "a", "b", 'quote"', "back\\slash", "new\nline", "Größe", 7, None, 1.5]
# Only binary fractions: sums of others depend on the order, and this package adds more exactly.
AMOUNTS = [0, 1, 2, 2.5, 2**-10, 2**40, True]

# An operation is chosen once, with its arguments, and applied to the metrics of both libraries.
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
            lambda m: m["labelled"].remove_by_labels({"x": a, "y": b}),
            lambda m: m["labelled"].remove_by_labels({"z": a}),
            lambda m: m["labelled"].clear(),
            lambda m: m["counter"].remove_by_labels({"x": a}),
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
            lambda m: m["gauges"].remove_by_labels({"who": a}),
            lambda m: m["gauges"].clear(),
            lambda m: m["gauge"].clear(),
            lambda m: m["waits"].set(amount),
        ]
    )


def observation(pick: random.Random) -> Operation:
    # The parser of prometheus_client refuses a negative sum, although its Histogram accepts one.
    amount = pick.choice([*AMOUNTS, float("inf")])
    a = pick.choice(VALUES)
    state = pick.choice(["waiting", "running", "gone"])
    return pick.choice(
        [
            lambda m: m["sizes"].observe(amount),
            lambda m: m["times"].labels(a).observe(amount),
            lambda m: m["times"].labels(who=a).observe(amount=amount),
            lambda m: m["times"].remove(a),
            lambda m: m["times"].clear(),
            lambda m: m["times"].observe(amount),
            lambda m: m["answers"].observe(amount),
            lambda m: m["state"].state(state),
            lambda m: m["states"].labels(a).state(state),
            lambda m: m["states"].labels(a),
            lambda m: m["states"].state("running"),
        ]
    )


def other_operation(pick: random.Random) -> Operation:
    text = str(pick.choice(VALUES))
    return pick.choice(
        [
            lambda m: m["info"].info({"version": text}),
            lambda m: m["infos"].labels(text).info({"version": "1"}),
            lambda m: m["infos"].labels(text).info({"name": "1"}),
            lambda m: m["infos"].remove(text),
            lambda m: m["infos"].remove_by_labels({"name": text}),
            lambda m: m["infos"].clear(),
            lambda m: m["info"].labels(text),
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
        "library": library.__name__,
        "registry": registry,
        "counter": library.Counter("jobs", "Jobs", unit="seconds", registry=registry),
        "labelled": library.Counter("calls_total", "C", ("x", "y"), "ns", "sub", registry=registry),
        "gauge": library.Gauge("room", "Room\nleft", namespace="n", registry=registry),
        "gauges": library.Gauge("queue", "Q", ["who"], registry=registry),
        "waits": library.Gauge("wait_seconds", "W", unit="seconds", registry=registry),
        "info": library.Info("build", "B", registry=registry),
        "infos": library.Info("parts", "P", labelnames=["name"], registry=registry),
        "sizes": library.Histogram("size", "S", unit="bytes", buckets=[1, 2.5], registry=registry),
        "times": library.Histogram("time", "T", ["who"], registry=registry),
        "answers": library.Summary("answers", "A", namespace="n", registry=registry),
        "state": library.Enum("state", "S", states=["waiting", "running"], registry=registry),
        "states": library.Enum(
            "states", "S", ["of"], states=["waiting", "running"], registry=registry
        ),
    }


def outcome(operation: Operation, metrics: dict[str, Any]) -> type[Exception] | None:
    """Returns KeyError or ValueError if the operation raises one, or a subclass of it."""
    try:
        operation(metrics)
    except (ValueError, KeyError) as error:
        return KeyError if isinstance(error, KeyError) else ValueError
    return None


def exposed(library: Any, metrics: dict[str, Any]) -> Any:
    return parsed(library.generate_latest(metrics["registry"]))


def collected(metrics: dict[str, Any]) -> Any:
    """Returns the families with their units, from `collect()` and from OpenMetrics."""
    library = importlib.import_module(f"{metrics['library']}.openmetrics.exposition")
    text = library.generate_latest(metrics["registry"]).decode()
    read: Callable[[str], Any] = text_string_to_metric_families
    return [
        [
            (m.name, m.documentation, m.type, m.unit, samples(m))
            for m in sorted(families, key=lambda family: family.name)
        ]
        for families in (metrics["registry"].collect(), read(text))
    ]


def samples(family: Any) -> Any:
    """Returns the sorted samples, without `_created`, a default of prometheus_client only."""
    return sorted(
        (s.name, sorted(s.labels.items()), "NaN" if math.isnan(s.value) else s.value)
        for s in family.samples
        if not s.name.endswith("_created")
    )


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_both_libraries_expose_the_same_after_random_operations(seed: int) -> None:
    pick = random.Random(seed)
    ours, theirs = build(dataclay_metrics), build(prometheus_client)
    for _ in range(OPERATIONS):
        kind = pick.choice([counter_operation, gauge_operation, observation, other_operation])
        operation = kind(pick)
        assert outcome(operation, ours) == outcome(operation, theirs)
    expected = exposed(prometheus_client, theirs)
    assert exposed(dataclay_metrics, ours) == expected
    for name, labels in [("jobs_seconds_total", {}), ("queue", {"who": "a"}), ("nothing", {})]:
        value = ours["registry"].get_sample_value(name, labels)
        assert value == theirs["registry"].get_sample_value(name, labels)
    assert collected(ours) == collected(theirs)
    names = pick.sample(SAMPLE_NAMES, 3)
    restricted = [m["registry"].restricted_registry(names) for m in (ours, theirs)]
    assert exposed(dataclay_metrics, {"registry": restricted[0]}) == exposed(
        prometheus_client, {"registry": restricted[1]}
    )


# Both libraries accept these. prometheus_client also accepts some that Prometheus 2 refuses.
PARTS = ["", "a", "seconds", "a_total", "total", "info", "a_seconds", "a_info"]


@pytest.mark.parametrize("kind", ["Counter", "Gauge", "Info", "Histogram", "Summary"])
@pytest.mark.parametrize("name", PARTS)
def test_metrics_of_both_libraries_have_the_same_names(kind: str, name: str) -> None:
    for namespace in ("", "n"):
        for subsystem in ("", "s_total"):
            for unit in ("", "seconds", "total"):
                arguments = (name, "Help", (), namespace, subsystem, unit)
                assert names_of(dataclay_metrics, kind, arguments) == names_of(
                    prometheus_client, kind, arguments
                ), arguments


def names_of(library: Any, kind: str, arguments: tuple[object, ...]) -> Any:
    """Returns the names and the unit of the metric and its samples, or None if it is refused."""
    try:
        metric = getattr(library, kind)(*arguments, registry=None)
    except ValueError:
        return None
    return [
        (family.name, family.unit, [s.name for s in family.samples if s.name[-8:] != "_created"])
        for family in metric.collect()
    ]


@pytest.mark.parametrize("kind", ["Counter", "Gauge", "Info", "Histogram", "Summary"])
@pytest.mark.parametrize("labels", [["a"], ["__a"], ["le"], ["quantile"], ("a", "b"), (), 7, None])
def test_both_libraries_accept_the_same_label_names(kind: str, labels: Any) -> None:
    seen = []
    for library in (dataclay_metrics, prometheus_client):
        try:
            getattr(library, kind)("m", "Help", labels, registry=None)
            seen.append("accepted")
        except (ValueError, TypeError) as error:
            seen.append(type(error).__name__)
    assert seen[0] == seen[1]
