"""Tests exports by OTLP: the settings, and the reaction to each response of an endpoint."""

import logging
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import dataclay_metrics as metrics
import interpreter
import messages
import pytest
import servers
from dataclay_metrics import CollectorRegistry, Counter, Histogram, OtlpExporter
from otlp_endpoint import Endpoint, Response, attributes, request_metrics
from servers import get, wait_for

REJECTED = "dataclay_metrics_rejected_points_total"


def failures() -> float:
    name, labels = "dataclay_metrics_pushes_total", {"result": "failure"}
    return metrics.REGISTRY.get_sample_value(name, labels) or 0


def rejected() -> float:
    return metrics.REGISTRY.get_sample_value(REJECTED) or 0


@pytest.mark.parametrize(
    ("response", "logged"),
    [
        (Response(400, b"out of order"), "400 Bad Request: out of order"),
        (Response(503), "503 Service Unavailable"),
        (Response(429, headers=(("Retry-After", "1"),)), "429 Too Many Requests"),
        (Response(None), "push to"),
        (Response(301, headers=(("Location", "/"),)), "301 Moved Permanently"),
    ],
)
def test_counts_stay_exact_after_a_refused_request(
    response: Response,
    logged: str,
    endpoint: Callable[..., Endpoint],
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = CollectorRegistry()
    hits = Counter("hits", "Help", registry=registry)
    hits.inc(7)
    refusing = endpoint(response, response)
    with caplog.at_level(logging.WARNING, "dataclay_metrics"):
        # A push may take as long as the interval, which a busy machine needs.
        exporter = OtlpExporter(refusing.url, registry=registry, interval=0.5)
        # The exporter logs the third request before it sends the fourth.
        wait_for(lambda: len(refusing.bodies) >= 4, True)
        hits.inc(1)
        exporter.stop(10)
    points = refusing.points("hits")
    assert [point.as_int for point in points][-1] == 8
    # Each request is collected anew: no time occurs twice.
    times = [point.time_unix_nano for point in points]
    assert times == sorted(set(times))
    wait = float(dict(response.headers).get("Retry-After", 0))
    assert all(b - a >= wait for a, b in zip(refusing.times[:2], refusing.times[1:3], strict=True))
    lines = [
        record.getMessage() for record in caplog.records if refusing.url in record.getMessage()
    ]
    assert logged in lines[0]
    assert len(lines) == 2, lines  # the equal reasons are one line
    assert "works again" in lines[1]


def test_the_last_request_is_repeated_after_503_and_429_only(
    endpoint: Callable[..., Endpoint],
) -> None:
    registry = CollectorRegistry()
    hits = Counter("hits", "Help", registry=registry)
    soon = formatdate(time.time(), usegmt=True)
    refusing = endpoint(Response(), Response(503), Response(429, headers=(("Retry-After", soon),)))
    exporter = OtlpExporter(refusing.url, registry=registry, interval=60)
    wait_for(lambda: len(refusing.bodies), 1)
    hits.inc(5)
    exporter.stop(10)
    assert [point.as_int for point in refusing.points("hits")] == [0, 5, 5, 5]
    with pytest.raises(OSError, match="400"):
        forbidding = endpoint(Response(), Response(400), Response())
        exporter = OtlpExporter(forbidding.url, registry=registry, interval=60)
        wait_for(lambda: len(forbidding.bodies), 1)
        exporter.stop(10)
    assert len(forbidding.bodies) == 2


def test_rejected_points_are_counted_and_logged_once(
    endpoint: Callable[..., Endpoint], caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    Counter("hits", "Help", registry=registry).inc(7)
    before = rejected()
    partial = Response(body=messages.response(3, "too many series"))
    garbage = Response(body=b"\xff\x00<html>" * 9999)
    taking = endpoint(partial, partial, garbage)
    with caplog.at_level(logging.WARNING, "dataclay_metrics"):
        exporter = OtlpExporter(taking.url, registry=registry, interval=0.5)
        wait_for(lambda: len(taking.bodies) >= 4, True)
        exporter.stop(10)
    assert rejected() - before == 6
    lines = [record.getMessage() for record in caplog.records if taking.url in record.getMessage()]
    assert lines == [f"{taking.url} rejected 3 points: too many series"]


def test_the_environment_sets_endpoint_headers_and_resource(
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
    for arguments, message in [
        ({"endpoint": "ftp://x:1"}, "scheme"),
        ({"endpoint": "http://x:1", "headers": {"a b": "c"}}, "header"),
        ({"endpoint": "http://x:1", "headers": {"Transfer-Encoding": "chunked"}}, "header"),
        ({"endpoint": "http://x:1", "interval": 0}, "longer than zero"),
    ]:
        with pytest.raises(ValueError, match=message):
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


def test_victoria_metrics_stores_the_exact_counts(tmp_path: Path) -> None:
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
    with victoria_metrics(tmp_path, port):
        url = f"http://127.0.0.1:{port}/opentelemetry/v1/metrics"
        exporter = OtlpExporter(
            url, service="shop", instance="one", registry=registry, interval=0.2
        )
        wait_for(lambda: last("hits"), [7.0])
        hits.inc(3)
        waits.observe(1.5)
    # The endpoint is down, requests fail, and counts continue.
    failed = failures()
    hits.inc(10)
    wait_for(lambda: failures() >= failed + 2, True)
    waits.observe(0.5)
    with victoria_metrics(tmp_path, port):
        wait_for(lambda: last("hits"), [20.0])
        exporter.stop(10)
        # A restarted process has another instance, so its counts are other series.
        again = CollectorRegistry()
        Counter("hits", "Help", registry=again).inc(4)
        second = OtlpExporter(url, service="shop", instance="two", registry=again, interval=60)
        second.stop(10)
        wait_for(lambda: last("hits"), [4.0, 20.0])
        wait_for(lambda: last("wait_seconds_bucket"), [1.0, 2.0, 2.0])
        assert (last("wait_seconds_count"), last("wait_seconds_sum")) == ([2.0], [2.0])
        assert math.isclose(sum(last("hits")), 24)
