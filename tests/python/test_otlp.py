"""Tests exports by OTLP: the messages, and the reaction to each response of an endpoint."""

import gzip
import logging
import math
import random
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import dataclay_metrics as metrics
import interpreter
import messages
import pytest
import servers
from dataclay_metrics import CollectorRegistry, Counter, Histogram, Metric, OtlpExporter
from dataclay_metrics.core import CounterMetricFamily, GaugeHistogramMetricFamily
from servers import get, wait_for
from test_protobuf import Key, any_registry, in_text

REJECTED = "dataclay_metrics_rejected_points_total"


class Answer(NamedTuple):
    """A response of an endpoint. Without a status it closes the connection."""

    status: int | None = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Endpoint:
    """Records requests. Responds with `answers`, one after another, and then accepts everything."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.bodies: list[bytes] = []
        self.headers: list[Any] = []
        self.times: list[float] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                endpoint.times.append(time.monotonic())
                endpoint.headers.append(self.headers)
                endpoint.bodies.append(body)
                answer = endpoint.answers.pop(0) if endpoint.answers else Answer()
                if answer.status is None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1/metrics"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def points(self, name: str) -> list[Any]:
        """Returns the points of a metric, one of each request."""
        return [
            point
            for body in self.bodies
            for metric in request_metrics(body)
            if metric.name == name
            for point in metric.sum.data_points
        ]


@pytest.fixture
def endpoint() -> Iterator[Callable[..., Endpoint]]:
    started: list[Endpoint] = []

    def start(*answers: Answer) -> Endpoint:
        started.append(Endpoint(*answers))
        return started[-1]

    yield start
    for each in started:
        each.server.shutdown()
        each.server.server_close()


def request_metrics(body: bytes) -> list[Any]:
    (resource,) = messages.request(body).resource_metrics
    (scope,) = resource.scope_metrics
    assert scope.scope.name == "dataclay-metrics"
    return list(scope.metrics)


def attributes(pairs: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in pairs}


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
            all = 0
            bounds = [*map(str, point.explicit_bounds), "inf"]
            for bound, count in zip(bounds, point.bucket_counts, strict=True):
                all += count
                add(f"{name}_bucket", of | {"le": bound}, all)
            assert all == point.count
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
def test_a_request_says_what_the_text_says(seed: int, endpoint: Callable[..., Endpoint]) -> None:
    registry = any_registry(random.Random(seed), halves=False)
    taken = endpoint()
    exporter = OtlpExporter(taken.url, registry=registry, gzip=seed % 2 == 0)
    exporter.stop(10)
    text = in_text(metrics.generate_latest(registry).decode())
    expected = {key: value for _, _, own in text.values() for key, value in own.items()}
    # A sum that may go down is none.
    for name in [
        name for name in expected if name[0].startswith("plain_wait_") and "_sum" in name[0]
    ]:
        del expected[name]
    read = in_request(taken.bodies[-1])
    assert {key: repr(float(value)) for key, value in read.items()} == {
        key: repr(float(value)) for key, value in expected.items()
    }


def test_names_stay_as_they_are(endpoint: Callable[..., Endpoint]) -> None:
    registry = CollectorRegistry()
    Counter("http.requests", "Help", ["http.method", "ü"], registry=registry).labels("x", "y").inc()
    # Escaped, these two would have one name.
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
    """Yields samples with timestamps, one before 1970 and one without, and a gauge histogram."""

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
    # OTLP cannot express a time before 1970. The clock of the processes may differ by a tick.
    assert before >= began - 10**7 and now >= began - 10**7
    # OTLP has no gauge histogram: its parts are gauges, which may fall.
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
    assert times == sorted(set(times)), "times only grow"
    assert len({point.start_time_unix_nano for point in points}) == 1
    assert began - 2e6 <= points[0].start_time_unix_nano < times[0]
    units = {metric.name: metric.unit for metric in request_metrics(taken.bodies[0])}
    assert units == {"hits": "", "wait_seconds": "s"}
    (wait,) = (m for m in request_metrics(taken.bodies[0]) if m.name == "wait_seconds")
    (exemplar,) = wait.histogram.data_points[0].exemplars
    assert (exemplar.trace_id.hex(), exemplar.span_id.hex()) == (trace, "b7ad6b7169203331")
    assert attributes(exemplar.filtered_attributes) == {"user": "7"}
    assert exemplar.as_double == 1


def failures() -> float:
    name, labels = "dataclay_metrics_pushes_total", {"result": "failure"}
    return metrics.REGISTRY.get_sample_value(name, labels) or 0


def rejected() -> float:
    return metrics.REGISTRY.get_sample_value(REJECTED) or 0


@pytest.mark.parametrize(
    ("answer", "logged"),
    [
        (Answer(400, b"out of order"), "400 Bad Request: out of order"),
        (Answer(503), "503 Service Unavailable"),
        (Answer(429, headers=(("Retry-After", "1"),)), "429 Too Many Requests"),
        (Answer(None), "push to"),
        (Answer(301, headers=(("Location", "/"),)), "301 Moved Permanently"),
    ],
)
def test_a_refused_request_loses_and_doubles_nothing(
    answer: Answer,
    logged: str,
    endpoint: Callable[..., Endpoint],
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = CollectorRegistry()
    hits = Counter("hits", "Help", registry=registry)
    hits.inc(7)
    refusing = endpoint(answer, answer)
    with caplog.at_level(logging.WARNING, "dataclay_metrics"):
        exporter = OtlpExporter(refusing.url, registry=registry, interval=0.1)
        # The fourth request comes after the third has been logged.
        wait_for(lambda: len(refusing.bodies) >= 4, True)
        hits.inc(1)
        exporter.stop(10)
    points = refusing.points("hits")
    assert [point.as_int for point in points][-1] == 8
    # No body is sent twice: each request is later than the one before.
    times = [point.time_unix_nano for point in points]
    assert times == sorted(set(times))
    wait = max(
        float(value) for name, value in (("", "0"), *answer.headers) if name in ("", "Retry-After")
    )
    assert all(b - a >= wait for a, b in zip(refusing.times[:2], refusing.times[1:3], strict=True))
    lines = [
        record.getMessage() for record in caplog.records if refusing.url in record.getMessage()
    ]
    assert logged in lines[0]
    assert len(lines) == 2, lines  # equal reasons once, and that it works again
    assert "works again" in lines[1]


def test_the_last_request_is_repeated_while_the_endpoint_asks_for_it(
    endpoint: Callable[..., Endpoint],
) -> None:
    registry = CollectorRegistry()
    hits = Counter("hits", "Help", registry=registry)
    soon = formatdate(time.time(), usegmt=True)
    refusing = endpoint(Answer(), Answer(503), Answer(429, headers=(("Retry-After", soon),)))
    exporter = OtlpExporter(refusing.url, registry=registry, interval=60)
    wait_for(lambda: len(refusing.bodies), 1)
    hits.inc(5)
    exporter.stop(10)
    assert [point.as_int for point in refusing.points("hits")] == [0, 5, 5, 5]
    with pytest.raises(OSError, match="400"):
        forbidding = endpoint(Answer(), Answer(400), Answer())
        exporter = OtlpExporter(forbidding.url, registry=registry, interval=60)
        wait_for(lambda: len(forbidding.bodies), 1)
        exporter.stop(10)
    assert len(forbidding.bodies) == 2


def test_what_is_rejected_of_a_request_is_counted_and_logged_once(
    endpoint: Callable[..., Endpoint], caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    Counter("hits", "Help", registry=registry).inc(7)
    before = rejected()
    partial = Answer(body=messages.response(3, "too many series"))
    garbage = Answer(body=b"\xff\x00<html>" * 9999)
    taking = endpoint(partial, partial, garbage)
    with caplog.at_level(logging.WARNING, "dataclay_metrics"):
        exporter = OtlpExporter(taking.url, registry=registry, interval=0.5)  # a push has less
        wait_for(lambda: len(taking.bodies) >= 4, True)
        exporter.stop(10)
    assert rejected() - before == 6
    lines = [record.getMessage() for record in caplog.records if taking.url in record.getMessage()]
    assert lines == [f"{taking.url} rejected 3 points: too many series"]


# The buckets of a custom collector's histogram, `le` and value; the bounds and counts of a request.
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


def test_the_environment_chooses_endpoint_headers_and_resource(
    endpoint: Callable[..., Endpoint],
) -> None:
    taken = endpoint()
    code = """
import os, dataclay_metrics as metrics
exporter = metrics.start()
print(exporter.url)
metrics.dataclay_inmemory_hits_total.inc(5)
if os.fork() == 0:
    metrics.dataclay_inmemory_hits_total.inc(2)
    metrics.shutdown()
    os._exit(0)
os.wait()
"""
    url = interpreter.output(
        code,
        DATACLAY_METRICS_EXPORTER="otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{taken.port}/base/",
        OTEL_EXPORTER_OTLP_HEADERS="api-key=a%20b",
        OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        OTEL_RESOURCE_ATTRIBUTES="team=a,service.name=other,service.instance.id=till",
        OTEL_SERVICE_NAME="shop",
    )
    assert url.strip() == f"http://127.0.0.1:{taken.port}/base/v1/metrics"
    assert taken.headers[0]["api-key"] == "a b"
    assert taken.headers[0]["Content-Encoding"] == "gzip"
    last = {}
    for body in taken.bodies:
        (resource,) = messages.request(body).resource_metrics
        of = attributes(resource.resource.attributes)
        assert (of["service.name"], of["team"]) == ("shop", "a")
        for metric in request_metrics(body):
            if metric.name == "dataclay_inmemory_hits":
                last[of["service.instance.id"]] = metric.sum.data_points[0].as_int
    parent, child = sorted(last)
    assert parent == "till"
    assert child.startswith("till:")
    assert (last[parent], last[child]) == (5, 2)


@pytest.mark.parametrize(
    ("variables", "rule"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "must be http/protobuf"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://x"}, "scheme"),
        ({"DATACLAY_METRICS_PORT": "0"}, "from 1 to 65535"),
        ({"DATACLAY_METRICS_ON_EXIT": "delete"}, "must be keep"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a b=c"}, "name of a header"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "content-encoding=gzip"}, "name of a header"),
    ],
)
def test_wrong_variables_are_refused(variables: dict[str, str], rule: str) -> None:
    code = """
import dataclay_metrics
try:
    dataclay_metrics.start()
except ValueError as error:
    print(error)
"""
    assert rule in interpreter.output(code, DATACLAY_METRICS_EXPORTER="otlp", **variables)


def test_wrong_arguments_are_refused() -> None:
    for arguments, says in [
        ({"endpoint": "ftp://x:1"}, "scheme"),
        ({"endpoint": "http://x:1", "headers": {"a b": "c"}}, "header"),
        ({"endpoint": "http://x:1", "headers": {"Transfer-Encoding": "chunked"}}, "header"),
        ({"endpoint": "http://x:1", "interval": 0}, "longer than zero"),
    ]:
        with pytest.raises(ValueError, match=says):
            OtlpExporter(**arguments)  # type: ignore[arg-type]


@contextmanager
def victoria_metrics(directory: Path, port: int) -> Iterator[str]:
    """Runs VictoriaMetrics, which keeps its data in the directory."""
    command = [
        "victoria-metrics",
        f"-storageDataPath={directory / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-search.latencyOffset=0s",
        "-retentionPeriod=1d",
    ]

    def ready() -> bool:
        try:
            return get(f"http://127.0.0.1:{port}/health") == "OK"
        except OSError:
            return False

    with servers.program(command, directory / "victoria.log", ready):
        yield f"127.0.0.1:{port}"


def test_victoria_metrics_answers_the_true_numbers(tmp_path: Path) -> None:
    if shutil.which("victoria-metrics") is None:
        pytest.skip("tests/servers.sh found no VictoriaMetrics for this machine")
    port = servers.free_port()
    database = servers.Prometheus(port)

    def last(selector: str) -> list[float]:
        return database.query(f"last_over_time({selector}[5m])")

    registry = CollectorRegistry()
    hits = Counter("hits", "Help", registry=registry)
    waits = Histogram("wait_seconds", "Help", buckets=(1, 2), registry=registry)
    hits.inc(7)
    exporter = None
    with victoria_metrics(tmp_path, port):
        url = f"http://127.0.0.1:{port}/opentelemetry/v1/metrics"
        exporter = OtlpExporter(
            url, service="shop", instance="one", registry=registry, interval=0.2
        )
        wait_for(lambda: last("hits"), [7.0])
        hits.inc(3)
        waits.observe(1.5)
    # The endpoint is gone, requests fail, and counts go on.
    failed = failures()
    hits.inc(10)
    wait_for(lambda: failures() >= failed + 2, True)
    waits.observe(0.5)
    with victoria_metrics(tmp_path, port):
        wait_for(lambda: last("hits"), [20.0])
        exporter.stop(10)
        # Another incarnation is another series.
        again = CollectorRegistry()
        Counter("hits", "Help", registry=again).inc(4)
        second = OtlpExporter(url, service="shop", instance="two", registry=again, interval=60)
        second.stop(10)
        wait_for(lambda: last("hits"), [4.0, 20.0])
        assert last("wait_seconds_bucket") == [1.0, 2.0, 2.0]
        assert (last("wait_seconds_count"), last("wait_seconds_sum")) == ([2.0], [2.0])
        assert math.isclose(sum(last("hits")), 24)
