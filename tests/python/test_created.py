"""Tests `_created` samples, timestamps and gauge histograms against prometheus_client."""

import re
from typing import Any

import dataclay_metrics as metrics
import interpreter
import prometheus_client
import prometheus_client.openmetrics.exposition
import pytest
from collectors import Fixed
from dataclay_metrics.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
    Timestamp,
)
from messages import families as decoded

OFF = {"PROMETHEUS_DISABLE_CREATED_SERIES": ""}


def texts(*families: Metric) -> list[tuple[bytes, bytes]]:
    """Returns the expositions of these families by both packages, in text and OpenMetrics."""
    ours, theirs = metrics.CollectorRegistry(), prometheus_client.CollectorRegistry()
    ours.register(Fixed(*families))
    peer: Any = prometheus_client
    theirs.register(Fixed(*families))  # type: ignore[arg-type]
    return [
        (metrics.generate_latest(ours), peer.generate_latest(theirs)),
        (
            metrics.generate_latest(ours, format="openmetrics"),
            peer.openmetrics.exposition.generate_latest(theirs),
        ),
    ]


def counter() -> Metric:
    family = CounterMetricFamily("jobs", "Jobs", labels=["kind"])
    family.add_metric(["a"], 3, created=23, exemplar=Exemplar({"id": "7"}, 0.5, 1.5))
    family.add_metric(["b"], 4.5, created=1732672000.123456)
    family.add_metric(["c"], 5, timestamp=7)
    return family


def histogram() -> Metric:
    family = HistogramMetricFamily("wait", "Waits", labels=["kind"])
    family.add_metric(["a"], [("1.0", 2), ("+Inf", 3)], sum_value=2.5)
    family.add_sample("wait_created", {"kind": "a"}, 123.456)
    return family


def summary() -> Metric:
    family = SummaryMetricFamily("size", "Sizes", labels=["kind"])
    family.add_metric(["a"], 2, 3.5)
    family.add_sample("size_created", {"kind": "a"}, 5)
    return family


def gauge_histogram() -> Metric:
    family = GaugeHistogramMetricFamily("queue", "Queue", labels=["kind"])
    family.add_metric(["a"], [("1.0", 2), ("+Inf", 3)], gsum_value=-2.5)
    family.add_metric(["b"], [("1.0", 1), ("+Inf", 4)], gsum_value=7)
    return family


def with_timestamps() -> Metric:
    family = Metric("ts", "Times", "gauge")
    times: list[float | Timestamp] = [
        1,
        123.5,
        -123.456,
        1732672000.25,
        Timestamp(123, 456_000_000),
        Timestamp(5, 6),
    ]
    for number, time in enumerate(times):
        family.add_sample("ts", {"at": str(number)}, number, time)
    return family


@pytest.mark.parametrize(
    "make",
    [counter, histogram, summary, gauge_histogram, with_timestamps],
    ids=lambda f: f.__name__,
)
def test_families_of_collectors_have_the_bytes_of_prometheus_client(make: Any) -> None:
    for ours, theirs in texts(make(), GaugeMetricFamily("last", "Last", value=1)):
        assert ours.decode() == theirs.decode()


def sort_key(sample: Any) -> tuple[str, str]:
    return sample.name, str(sample.labels)


def test_collect_returns_the_families_of_collectors() -> None:
    families = [counter(), histogram(), summary(), gauge_histogram(), with_timestamps()]
    registry = metrics.CollectorRegistry()
    registry.register(Fixed(*families))
    for ours, given in zip(registry.collect(), families, strict=True):
        assert (ours.name, ours.type) == (given.name, given.type)
        assert sorted(ours.samples, key=sort_key) == sorted(given.samples, key=sort_key)
    assert registry.get_sample_value("jobs_created", {"kind": "a"}) == 23
    assert registry.get_sample_value("queue_gsum", {"kind": "a"}) == -2.5
    only = registry.restricted_registry(["jobs_created"])
    assert [sample.name for family in only.collect() for sample in family.samples] == [
        "jobs_created",
        "jobs_created",
    ]


def test_a_counter_may_have_the_labels_of_buckets_and_quantiles() -> None:
    family = CounterMetricFamily("jobs", "Jobs", labels=["le", "quantile"])
    family.add_metric(["1", "a"], 3, created=23)
    family.add_metric(["2", "a"], 4, created=24)
    registry = metrics.CollectorRegistry()
    registry.register(Fixed(family))
    (jobs,) = decoded(metrics.generate_latest(registry, format="protobuf"))
    times = [metric.counter.created_timestamp.seconds for metric in jobs.metric]
    assert times == [23, 24]


def test_protobuf_has_the_start_times_and_timestamps_of_collectors() -> None:
    registry = metrics.CollectorRegistry()
    registry.register(Fixed(counter(), histogram(), gauge_histogram(), with_timestamps()))
    jobs, wait, queue, times = decoded(metrics.generate_latest(registry, format="protobuf"))
    assert [metric.counter.created_timestamp.seconds for metric in jobs.metric] == [
        23,
        1732672000,
        0,
    ]
    assert jobs.metric[2].timestamp_ms == 7000
    assert wait.metric[0].histogram.created_timestamp.nanos == 456_000_000
    assert (queue.type, queue.metric[0].histogram.sample_count_float) == (5, 0)
    assert queue.metric[0].histogram.sample_count == 3
    assert queue.metric[0].histogram.sample_sum == -2.5
    assert [metric.timestamp_ms for metric in times.metric][:3] == [1000, 123_500, -123_456]


@pytest.mark.parametrize("seconds", [float("nan"), -1.0, 1e300])
def test_an_invalid_start_time_is_omitted(seconds: float) -> None:
    registry = metrics.CollectorRegistry()
    family = CounterMetricFamily("jobs", "Jobs")
    family.add_metric([], 3, created=seconds)
    registry.register(Fixed(family))
    assert metrics.generate_latest(registry).endswith(b"counter\njobs_total 3.0\n")


def test_a_push_has_no_timestamps() -> None:
    bodies: list[bytes] = []

    def handler(**request: Any) -> Any:
        return lambda: bodies.append(request["data"])

    registry = metrics.CollectorRegistry()
    registry.register(Fixed(with_timestamps()))
    metrics.push_to_gateway("localhost", "job", registry, handler=handler)
    assert b'\nts{at="0"} 0.0\n' in bodies[0]


PROGRAM = """
import sys, time
from importlib import import_module
package = import_module(sys.argv[1])
exposition = import_module(sys.argv[1] + ".openmetrics.exposition")
if sys.argv[2] == "enable":
    package.enable_created_metrics()
elif sys.argv[2] == "disable":
    package.disable_created_metrics()
registry = package.CollectorRegistry()
jobs = package.Counter("jobs", "Jobs", ["kind"], registry=registry)
jobs.labels("b").inc(2)
jobs.labels("a")
package.Histogram("wait", "Waits", buckets=[1], registry=registry).observe(0.5)
package.Summary("size", "Sizes", ["kind"], registry=registry).labels("a").observe(3)
package.Gauge("heat", "Heat", registry=registry).set(1)
print(package.generate_latest(registry).decode())
print(exposition.generate_latest(registry).decode())
for family in registry.collect():
    print(family.name, [sample.name for sample in family.samples])
print(registry.get_sample_value("wait_created") is not None)
for name in ("size_created", "size_sum"):
    only = registry.restricted_registry([name])
    print([sample.name for family in only.collect() for sample in family.samples])
    print(package.generate_latest(only).decode())
print([sample.name for family in jobs.collect() for sample in family.samples])
"""


def run(package: str, choice: str, **variables: str) -> str:
    """Returns the output of PROGRAM, with T in place of each start time."""
    printed = interpreter.output(PROGRAM, package, choice, **(OFF | variables))
    times = re.findall(r"_created(?:\{[^}]*\})? ([\d.e+]+)$", printed, re.MULTILINE)
    assert all(1.7e9 < float(time) < 4e9 for time in times)
    return re.sub(r"(_created(?:\{[^}]*\})?) [\d.e+]+$", r"\1 T", printed, flags=re.MULTILINE)


def test_created_samples_equal_those_of_prometheus_client() -> None:
    ours = run("dataclay_metrics", "enable")
    assert ours.count("_created") > 10
    assert ours == run("prometheus_client", "enable")
    assert run("dataclay_metrics", "", PROMETHEUS_DISABLE_CREATED_SERIES="false") == ours


def test_created_samples_are_disabled_by_default() -> None:
    ours = run("dataclay_metrics", "")
    assert "_created" not in ours
    assert ours == run("prometheus_client", "disable")
    disabled = {"PROMETHEUS_DISABLE_CREATED_SERIES": "True"}
    assert run("dataclay_metrics", "", **disabled) == ours
    assert "jobs_created" in run("dataclay_metrics", "enable", **disabled)


CHOSEN_TIMES = """
import sys, time
from importlib import import_module
package = import_module(sys.argv[1])
package.enable_created_metrics()
times = [123.456, 7]
time.time = lambda: times[-1]
registry = package.CollectorRegistry()
jobs = package.Counter("jobs", "Jobs", registry=registry)
wait = package.Histogram("wait", "Waits", ["kind"], buckets=[1], registry=registry)
package.Summary("size", "Sizes", registry=registry)
times.pop()
wait.labels("a")
wait.labels("a").observe(0.5)
print(package.generate_latest(registry).decode())
jobs.inc()
jobs.reset()
print(registry.get_sample_value("jobs_created"))
times.append("noon")
try:
    package.Counter("late", "Late", registry=registry)
except TypeError:
    print("refused")
"""


def test_start_times_are_values_of_time_time() -> None:
    ours = interpreter.output(CHOSEN_TIMES, "dataclay_metrics")
    assert ours.endswith("\n123.456\nrefused\n")
    assert "\njobs_created 7.0\n" in ours
    theirs = interpreter.output(CHOSEN_TIMES, "prometheus_client")
    assert ours == f"{theirs}refused\n"


SERVED = """
import urllib.request
import dataclay_metrics as m
exporter = m.start_http_server(0, "127.0.0.1")
jobs = m.Counter("jobs", "Jobs")
def body():
    request = urllib.request.Request(exporter.url, headers={"Accept": "application/openmetrics-text"})
    return urllib.request.urlopen(request, timeout=30).read()
before = body()
m.enable_created_metrics()
print(b"_created" in before, b"jobs_created 1" in body())
"""


def test_an_endpoint_has_created_samples_once_enabled() -> None:
    assert interpreter.output(SERVED) == "False True\n"
    code = SERVED.replace('m.start_http_server(0, "127.0.0.1")', "m.start()")
    settings = {
        "DATACLAY_METRICS_CREATED": "true",
        "DATACLAY_METRICS_HOST": "127.0.0.1",
        "DATACLAY_METRICS_PORT": "0",
    }
    assert interpreter.output(code, **settings) == "True True\n"
