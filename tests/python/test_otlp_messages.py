"""Tests the messages of OTLP: they have the samples of the text, with names and times."""

import math
import random
import time
from collections.abc import Callable, Iterator

import dataclay_metrics as metrics
import messages
import pytest
from dataclay_metrics import CollectorRegistry, Counter, Histogram, Metric, OtlpExporter
from dataclay_metrics.core import CounterMetricFamily, GaugeHistogramMetricFamily
from otlp_endpoint import Endpoint, attributes, request_metrics
from parsed import Key, in_text
from random_registry import random_registry
from servers import wait_for


def in_request(body: bytes) -> dict[Key, float]:
    """Returns the samples of a request, with the names and labels of the text."""
    found: dict[Key, float] = {}

    def add(name: str, of: dict[str, str], value: float) -> None:
        key = (name, tuple(sorted(of.items())))
        assert key not in found
        found[key] = value

    for metric in request_metrics(body):
        name = metric.name
        for point in metric.gauge.data_points:
            which = point.as_int if point.HasField("as_int") else point.as_double
            of = attributes(point.attributes)
            if name.endswith("_bucket"):  # of a gauge histogram
                of["le"] = str(float(of["le"]))
            add(name, of, which)
        for point in metric.sum.data_points:
            assert (metric.sum.aggregation_temporality, metric.sum.is_monotonic) == (2, True)
            which = point.as_int if point.HasField("as_int") else point.as_double
            add(f"{name}_total", attributes(point.attributes), which)
        for point in metric.histogram.data_points:
            assert metric.histogram.aggregation_temporality == 2
            of = attributes(point.attributes)
            assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
            cumulative = 0
            bounds = [*map(str, point.explicit_bounds), "inf"]
            for bound, count in zip(bounds, point.bucket_counts, strict=True):
                cumulative += count
                add(f"{name}_bucket", of | {"le": bound}, cumulative)
            assert cumulative == point.count
            add(f"{name}_count", of, point.count)
            if point.HasField("sum"):
                add(f"{name}_sum", of, point.sum)
        for point in metric.summary.data_points:
            of = attributes(point.attributes)
            add(f"{name}_count", of, point.count)
            add(f"{name}_sum", of, point.sum)
            for quantile in point.quantile_values:
                add(name, of | {"quantile": str(quantile.quantile)}, quantile.value)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_request_has_the_samples_of_the_text(
    seed: int, endpoint: Callable[..., Endpoint]
) -> None:
    registry = random_registry(random.Random(seed), halves=False)
    taken = endpoint()
    exporter = OtlpExporter(taken.url, registry=registry, gzip=seed % 2 == 0)
    exporter.stop(10)
    text = in_text(metrics.generate_latest(registry).decode())
    expected = {key: value for _, _, samples in text.values() for key, value in samples.items()}
    read = in_request(taken.bodies[-1])
    assert {key: repr(float(value)) for key, value in read.items()} == {
        key: repr(float(value)) for key, value in expected.items()
    }


def test_names_are_sent_without_escaping(endpoint: Callable[..., Endpoint]) -> None:
    registry = CollectorRegistry()
    Counter("http.requests", "Help", ["http.method", "ü"], registry=registry).labels("x", "y").inc()
    # If they were escaped, these two would have the same name.
    for value, name in enumerate(["Länge der Schlange", "Länge_der_Schlange"]):
        metrics.Gauge(name, "Help", registry=registry).set(value)
    metrics.Info("build.info", "Help", registry=registry).info({"vcs.ref": "1", "vcs_ref": "2"})
    waits = Histogram("wait.seconds", "Help", buckets=[1], registry=registry)
    waits.observe(0.5, {"span.name": "a"})
    taken = endpoint()
    OtlpExporter(taken.url, registry=registry).stop(10)
    assert in_request(taken.bodies[-1]) == {
        ("http.requests_total", (("http.method", "x"), ("ü", "y"))): 1,
        ("Länge der Schlange", ()): 0,
        ("Länge_der_Schlange", ()): 1,
        ("build.info_info", (("vcs.ref", "1"), ("vcs_ref", "2"))): 1,
        ("wait.seconds_bucket", (("le", "1.0"),)): 1,
        ("wait.seconds_bucket", (("le", "inf"),)): 1,
        ("wait.seconds_count", ()): 1,
        ("wait.seconds_sum", ()): 0.5,
    }
    (wait,) = (m for m in request_metrics(taken.bodies[-1]) if m.name == "wait.seconds")
    (exemplar,) = wait.histogram.data_points[0].exemplars
    assert attributes(exemplar.filtered_attributes) == {"span.name": "a"}


class Dated:
    """Yields a gauge histogram, and samples without a timestamp, with one, and before 1970."""

    def collect(self) -> Iterator[Metric]:
        counter = CounterMetricFamily("jobs", "Help", labels=["kind"])
        counter.add_metric(["dated"], 3, created=5, timestamp=7.25)
        gauge = Metric("level", "Help", "gauge")
        gauge.add_sample("level", {"kind": "dated"}, 1, 1732672000.5)
        gauge.add_sample("level", {"kind": "before 1970"}, 2, -1)
        gauge.add_sample("level", {"kind": "now"}, 3)
        queue = GaugeHistogramMetricFamily("queue", "Help")
        queue.add_metric([], [("1.0", 2), ("+Inf", 3)], gsum_value=-2.5, timestamp=9)
        yield from (counter, gauge, queue)


def test_points_have_the_timestamps_of_collectors(endpoint: Callable[..., Endpoint]) -> None:
    registry, began = CollectorRegistry(), time.time_ns()
    registry.register(Dated())
    taken = endpoint()
    OtlpExporter(taken.url, registry=registry).stop(10)
    found = {metric.name: metric for metric in request_metrics(taken.bodies[-1])}
    (job,) = found["jobs"].sum.data_points
    assert (job.start_time_unix_nano, job.time_unix_nano) == (5 * 10**9, 7_250_000_000)
    dated, before, now = (point.time_unix_nano for point in found["level"].gauge.data_points)
    assert dated == 1_732_672_000_500_000_000
    # OTLP has no time before 1970. The library's clock may be a tick behind that of Python.
    assert before >= began - 10**7 and now >= began - 10**7
    # OTLP has no gauge histogram. Its parts are gauges, which may go down.
    queue = {name: metric for name, metric in found.items() if name.startswith("queue")}
    assert list(queue) == ["queue_bucket", "queue_gcount", "queue_gsum"]
    assert {
        key: value for key, value in in_request(taken.bodies[-1]).items() if key[0] in queue
    } == {
        ("queue_bucket", (("le", "1.0"),)): 2,
        ("queue_bucket", (("le", "inf"),)): 3,
        ("queue_gcount", ()): 3,
        ("queue_gsum", ()): -2.5,
    }
    points = [point for metric in queue.values() for point in metric.gauge.data_points]
    assert {point.time_unix_nano for point in points} == {9 * 10**9}


def test_a_resource_has_its_attributes_and_points_have_times(
    endpoint: Callable[..., Endpoint],
) -> None:
    registry = CollectorRegistry()
    began = time.time_ns()
    Counter("hits", "Help", ["a"], registry=registry).labels("x").inc(3)
    waits = Histogram("wait_seconds", "Help", unit="seconds", registry=registry)
    trace = "0af7651916cd43dd8448eb211c80319c"
    waits.observe(1, {"trace_id": trace, "span_id": "b7ad6b7169203331", "user": "7"})
    taken = endpoint()
    exporter = OtlpExporter(
        taken.url,
        service="shop",
        instance="till-1",
        registry=registry,
        interval=0.1,
        headers={"Api-Key": "secret"},
        resource={"service.namespace": "team"},
    )
    wait_for(lambda: len(taken.bodies) >= 3, True)
    assert "secret" not in repr(exporter)
    exporter.stop(10)
    (resource,) = messages.request(taken.bodies[0]).resource_metrics
    expected = {"service.name": "shop", "service.instance.id": "till-1"}
    assert attributes(resource.resource.attributes) == expected | {"service.namespace": "team"}
    headers = taken.headers[0]
    assert headers["Content-Type"] == "application/x-protobuf"
    assert headers["Api-Key"] == "secret"
    points = taken.points("hits")
    times = [point.time_unix_nano for point in points]
    assert times == sorted(set(times)), "times increase"
    assert len({point.start_time_unix_nano for point in points}) == 1
    assert began - 2e6 <= points[0].start_time_unix_nano < times[0]
    units = {metric.name: metric.unit for metric in request_metrics(taken.bodies[0])}
    assert units == {"hits": "", "wait_seconds": "s"}
    (wait,) = (m for m in request_metrics(taken.bodies[0]) if m.name == "wait_seconds")
    (exemplar,) = wait.histogram.data_points[0].exemplars
    assert (exemplar.trace_id.hex(), exemplar.span_id.hex()) == (trace, "b7ad6b7169203331")
    assert attributes(exemplar.filtered_attributes) == {"user": "7"}
    assert exemplar.as_double == 1


# Each row has the buckets of a collector's histogram (`le` and value), and those of the request.
@pytest.mark.parametrize(
    ("buckets", "bounds", "counts"),
    [
        ([("1", 5), ("1.0", 5), ("+Inf", 6)], [1], [5, 1]),
        ([("1", 5), ("2", 1), ("+Inf", 6)], [1, 2], [5, 0, 1]),
        ([("2", 5), ("1", 1), ("+Inf", 2)], [1, 2], [1, 4, 0]),
        ([("-Inf", 0), ("1", 4), ("NaN", 9), ("+Inf", 4)], [1], [4, 0]),
        ([("1", math.nan), ("2", 1e300), ("+Inf", -3)], [1, 2], [0, 2**64 - 1, 0]),
    ],
)
def test_buckets_add_up_to_the_count(
    buckets: list[tuple[str, float]],
    bounds: list[float],
    counts: list[int],
    endpoint: Callable[..., Endpoint],
) -> None:
    class Collector:
        def collect(self) -> Iterator[Metric]:
            family = Metric("odd", "Odd", "histogram")
            for le, value in buckets:
                family.add_sample("odd_bucket", {"le": le}, value)
            yield family

    registry = CollectorRegistry()
    registry.register(Collector())
    taken = endpoint()
    OtlpExporter(taken.url, registry=registry, interval=60).stop(10)
    (metric,) = request_metrics(taken.bodies[-1])
    (point,) = metric.histogram.data_points
    assert (list(point.explicit_bounds), list(point.bucket_counts)) == (bounds, counts)
    assert point.count == sum(counts)
