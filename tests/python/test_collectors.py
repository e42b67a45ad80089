"""Tests custom collectors, restricted registries, and the registration of duplicates."""

import logging
from collections.abc import Callable, Iterable

import prometheus_client.core
import pytest
from collectors import Fixed
from dataclay_metrics import CollectorRegistry, Counter, Gauge, Info, Metric, generate_latest
from dataclay_metrics.core import (
    CounterMetricFamily,
    DuplicateTimeseries,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from dataclay_metrics.registry import Collector


def test_a_duplicate_metric_is_refused_until_the_first_is_unregistered() -> None:
    registry = CollectorRegistry()
    for kind in (Counter, Gauge, Info):
        name = kind.__name__.lower()
        first = kind(name, "Help", ["a"], namespace="n", registry=registry)
        with pytest.raises(DuplicateTimeseries):
            kind(name, "Help", ["a"], namespace="n", registry=registry)
        with pytest.raises(DuplicateTimeseries):
            kind(f"n_{name}", "Help", ("a",), registry=registry)
        assert kind(name, "Help", ["a"], namespace="n", registry=None) is not first
        registry.unregister(first)
        kind(name, "Help", ["a"], namespace="n", registry=registry)


@pytest.mark.parametrize(
    "other",
    [
        lambda r: Counter("jobs", "Other help", registry=r),
        lambda r: Counter("jobs", "Jobs", ["a"], registry=r),
        lambda r: Gauge("jobs_total", "Jobs", registry=r),
        lambda r: Gauge("jobs", "Jobs", registry=r),
        lambda r: Gauge("jobs_created", "Jobs", registry=r),
        lambda r: Info("jobs", "Jobs", registry=r),
        lambda r: r.register(Counter("jobs", "Jobs", registry=None)),
    ],
)
def test_the_error_for_a_conflict_names_both_metrics(other: object) -> None:
    registry = CollectorRegistry()
    Counter("jobs", "Jobs", registry=registry).inc(3)
    before = generate_latest(registry)
    with pytest.raises(
        DuplicateTimeseries, match=r"jobs.*conflicts with the registered counter jobs_total"
    ) as refused:
        other(registry)  # type: ignore[operator]
    assert isinstance(refused.value, ValueError)
    # Some libraries search for this text and attribute of prometheus_client.
    assert str(refused.value).startswith("Duplicated timeseries in CollectorRegistry: {'jobs")
    assert {*refused.value.duplicates} <= {"jobs", "jobs_total", "jobs_created", "jobs_info"}
    assert len(refused.value.duplicates) == 1
    assert generate_latest(registry) == before


def test_a_custom_collector_can_be_registered_and_unregistered() -> None:
    registry = CollectorRegistry()
    family = GaugeMetricFamily("room", "Room", labels=["who"])
    family.add_metric(["me"], 3)
    collector = Fixed(family)
    registry.register(collector)
    registry.register(collector)  # allowed without names, as in prometheus_client
    assert registry.get_sample_value("room", {"who": "me"}) == 3
    assert [*registry.collect()] == [family]
    family.add_metric(["you"], 2**60)
    assert b'room{who="you"} 1.152921504606846976e+18\n' in generate_latest(registry)
    registry.unregister(collector)
    assert generate_latest(registry) == b""
    with pytest.raises(KeyError):
        registry.unregister(collector)


def test_a_collector_that_describes_a_registered_name_is_refused() -> None:
    registry = CollectorRegistry(auto_describe=True)
    Counter("jobs", "Jobs", registry=registry)
    collector = Fixed(CounterMetricFamily("jobs", "Other", value=1))
    with pytest.raises(ValueError, match="jobs_total"):
        registry.register(collector)
    without_names = CollectorRegistry()
    without_names.register(Counter("jobs", "Jobs", registry=None))
    without_names.register(collector)  # not asked for its names
    assert generate_latest(without_names).count(b"# TYPE jobs_total") == 1


def test_families_of_prometheus_client_are_exposed() -> None:
    registry = CollectorRegistry()
    family = prometheus_client.core.GaugeMetricFamily("room", "Room", value=1.5)
    registry.register(Fixed(family))  # type: ignore[arg-type]
    assert generate_latest(registry) == b"# HELP room Room\n# TYPE room gauge\nroom 1.5\n"


def test_any_object_with_collect_can_be_exposed() -> None:
    family = GaugeMetricFamily("room", "Room", value=1.5)
    assert generate_latest(Fixed(family)).endswith(b"\nroom 1.5\n")
    for wrong in (object(), 7, "x"):
        with pytest.raises(TypeError, match="collect"):
            generate_latest(wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="collect"):
            CollectorRegistry().register(wrong)  # type: ignore[arg-type]


class Failing(Collector):
    """Raises an error, or returns families that cannot be exposed."""

    def __init__(self) -> None:
        self.families: list[Metric] | None = None

    def collect(self) -> Iterable[Metric]:
        if self.families is None:
            raise LookupError("no database")
        return self.families


@pytest.mark.alone
def test_a_failing_collector_is_skipped_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = CollectorRegistry()
    Gauge("room", "Room", registry=registry).set(1)
    failing = Failing()
    registry.register(failing)
    for _ in range(3):
        assert generate_latest(registry).endswith(b"\nroom 1.0\n")
    logged = [(r.name, r.levelno) for r in caplog.records]
    assert logged == [("dataclay_metrics", logging.WARNING)]
    assert "Failing" in caplog.text and "no database" in caplog.text

    misnamed = Metric("misnamed", "Has a sample of another name", "gauge")
    misnamed.add_sample("another_name", {}, 1)
    nameless = Metric("nameless", "Not a name", "gauge")
    nameless.name = ""
    for families in ([misnamed], [nameless]):
        failing.families = families
        assert generate_latest(registry).endswith(b"\nroom 1.0\n")
    failing.families = [GaugeMetricFamily("well", "Well", value=1)]
    assert generate_latest(registry).endswith(b"\nwell 1.0\n")
    failing.families = None
    caplog.clear()
    generate_latest(registry)
    assert "no database" in caplog.text


def test_register_raises_the_error_of_describe() -> None:
    with pytest.raises(LookupError):
        CollectorRegistry(auto_describe=True).register(Failing())


def test_a_restricted_registry_reads_the_current_metrics() -> None:
    registry = CollectorRegistry(target_info={"host": "a"})
    only = registry.restricted_registry(["jobs_total", "target_info"])
    assert registry.get_target_info() == {"host": "a"}
    jobs = Counter("jobs", "Jobs", registry=registry)
    Gauge("room", "Room", registry=registry)
    jobs.inc()
    assert generate_latest(only).splitlines()[2::3] == [
        b'target_info{host="a"} 1.0',
        b"jobs_total 1.0",
    ]
    registry.set_target_info({"host": "b"})
    assert only.get_sample_value("target_info", {"host": "b"}) == 1
    registry.set_target_info(None)
    registry.unregister(jobs)
    assert generate_latest(only) == b""
    with pytest.raises(ValueError):
        registry.set_target_info({"__a": "x"})
    assert registry.get_target_info() is None


def test_a_restricted_registry_calls_only_its_collectors() -> None:
    registry = CollectorRegistry()
    called = []

    def ratio() -> float:
        called.append(1)
        return 0.5

    Gauge("room_ratio", "Ratio", registry=registry).set_function(ratio)
    Gauge("room", "Room", registry=registry).set(1)
    assert generate_latest(registry.restricted_registry(["room"])).endswith(b"\nroom 1.0\n")
    assert not called
    generate_latest(registry)
    assert called


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaugeMetricFamily("a", "A", 1.5, ["x"]), r"value 1\.5 and labels=\['x'\]"),
        (lambda: SummaryMetricFamily("a", "A", count_value=1), "=1 and sum_value=None"),
        (lambda: SummaryMetricFamily("a", "A", sum_value=2), "=None and sum_value=2"),
        (lambda: HistogramMetricFamily("a", "A", sum_value=3), "sum_value=3 needs buckets"),
    ],
)
def test_the_error_of_an_incomplete_family_names_the_values(
    make: Callable[[], Metric], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_an_info_refuses_wrong_label_names_and_values_that_are_not_strings() -> None:
    info = Info("build", "Build", ["part"], registry=None)
    with pytest.raises(ValueError, match=r"labels\(\) first"):
        info.info({"a": "b"})
    child = info.labels("x")
    for wrong in ({"part": "y"}, {"__a": "c"}):
        with pytest.raises(ValueError):
            child.info(wrong)
    with pytest.raises(ValueError, match="is None"):
        child.info({"a": None})  # type: ignore[dict-item]
    for wrong_type in ({"a": 1}, "a"):
        with pytest.raises(TypeError):
            child.info(wrong_type)  # type: ignore[arg-type]
    child.info({"version": "1"})
    assert info.collect()[0].samples[0].labels == {"part": "x", "version": "1"}
    with pytest.raises(ValueError):
        Info("build", "Build", unit="seconds", registry=None)
