"""Tests the private names of prometheus_client that programs use, in both packages."""

from types import ModuleType

import dataclay_metrics
import prometheus_client
import pytest

both = pytest.mark.parametrize("package", [dataclay_metrics, prometheus_client])


@both
def test_metrics_have_the_private_attributes_of_prometheus_client(package: ModuleType) -> None:
    counter = package.Counter("jobs", "Jobs", ["who"], unit="runs", registry=None)
    assert (counter._name, counter._type, counter._documentation) == (
        "jobs_runs",
        "counter",
        "Jobs",
    )
    assert (counter._labelnames, counter._labelvalues, counter._unit) == (("who",), (), "runs")
    assert counter.labels("me")._labelvalues == ("me",)
    assert counter._is_parent() and not counter._is_observable()
    info = package.Info("build", "B", registry=None)
    assert (info._name, info._type) == ("build", "info")
    assert package.Enum("state", "S", states=["a"], registry=None)._type == "stateset"
    assert isinstance(info, package.metrics.MetricWrapperBase)
    assert issubclass(package.Gauge, package.metrics.MetricWrapperBase)
    assert not isinstance(3, package.metrics.MetricWrapperBase)


@both
def test_private_values_can_be_read_and_written(package: ModuleType) -> None:
    counter = package.Counter("jobs", "Jobs", registry=None)
    counter._value.inc(2)
    assert counter._value.get() == 2.0 and isinstance(counter._value.get(), float)
    counter._value.set(5)
    assert counter._value.get() == 5
    assert counter._value.get_exemplar() is None
    counter._value.set(0)
    counter.inc()
    assert counter._value.get() == 1
    gauge = package.Gauge("heat", "Heat", ["room"], registry=None)
    gauge.labels("a")._value.set(-3.5)
    assert gauge.labels("a")._value.get() == -3.5
    with pytest.raises(AttributeError):
        gauge._value.get()
    histogram = package.Histogram("h", "H", buckets=[1, 2], registry=None)
    for value in (0.5, 1.5, 1.75, 9):
        histogram.observe(value)
    assert histogram._sum.get() == 12.75
    assert [bucket.get() for bucket in histogram._buckets] == [1, 2, 1]
    assert [*histogram._upper_bounds] == [1, 2, float("inf")]
    summary = package.Summary("s", "S", registry=None)
    summary.observe(3)
    assert (summary._count.get(), summary._sum.get()) == (1, 3)


@both
def test_children_can_be_found_and_removed_by_the_private_dict(package: ModuleType) -> None:
    registry = package.CollectorRegistry()
    counter = package.Counter("jobs", "Jobs", ["who"], registry=registry)
    child = counter.labels("a")
    counter.labels("b").inc()
    assert counter._metrics[("a",)] is child and ("c",) not in counter._metrics
    assert sorted(counter._metrics) == [("a",), ("b",)]
    del counter._metrics[("a",)]
    assert registry.get_sample_value("jobs_total", {"who": "a"}) is None
    counter._metrics.clear()
    assert registry.get_sample_value("jobs_total", {"who": "b"}) is None


@both
def test_registries_have_the_private_dicts_of_prometheus_client(package: ModuleType) -> None:
    registry = package.CollectorRegistry()
    jobs = package.Counter("jobs", "Jobs", registry=registry)
    heat = package.Gauge("heat", "Heat", registry=registry)
    assert {*registry._collector_to_names} == {jobs, heat}
    assert registry._names_to_collectors["jobs_total"] is jobs
    assert {*registry._names_to_collectors} == {"jobs", "jobs_total", "jobs_created", "heat"}
    for collector in list(registry._collector_to_names):
        registry.unregister(collector)
    assert not registry._names_to_collectors and not list(registry.collect())


def test_clearing_either_private_dict_empties_a_registry() -> None:
    for name in ("_collector_to_names", "_names_to_collectors"):
        registry = dataclay_metrics.CollectorRegistry()
        dataclay_metrics.Counter("jobs", "Jobs", registry=registry)
        dataclay_metrics.Histogram("h", "H", registry=registry)
        getattr(registry, name).clear()
        assert not list(registry.collect())


@both
def test_submodules_are_attributes(package: ModuleType) -> None:
    assert package.exposition.generate_latest is package.generate_latest
    assert package.openmetrics.exposition.UNDERSCORES == "underscores"
    assert package.utils.floatToGoString(1e6) == "1e+06"
    assert package.metrics_core.Metric is package.Metric
    for collector in ("gc", "platform", "process"):
        assert hasattr(getattr(package, f"{collector}_collector"), f"{collector.upper()}_COLLECTOR")
    with pytest.raises(AttributeError):
        package.no_such_name  # noqa: B018
