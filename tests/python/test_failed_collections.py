"""Tests collections that fail without a sample: only generate_latest() raises the error."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dataclay_metrics as metrics
import prometheus_client
import pytest
from dataclay_metrics import core
from dataclay_metrics.exposition import choose_encoder, make_asgi_app, make_wsgi_app
from dataclay_metrics.openmetrics import exposition as openmetrics

pytestmark = pytest.mark.alone


class Collector:
    """Yields the result of a function at each collection."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def collect(self) -> Iterator[Any]:
        yield self.make()


def registry(*collectors: Any, library: Any = metrics) -> Any:
    made = library.CollectorRegistry()
    for collector in collectors:
        made.register(collector)
    return made


def wrong_value() -> core.Metric:
    return core.GaugeMetricFamily("room", "Room", value="warm")  # type: ignore[arg-type]


def wrong_bucket() -> core.Metric:
    buckets = [("1", 1), ("+Inf", None)]
    family = core.GaugeHistogramMetricFamily("queue", "Queue", labels=["kind"])
    family.add_metric(["a"], buckets, 3)  # type: ignore[arg-type]
    return family


def failing() -> core.Metric:
    raise OSError(5, "the sensor is gone")


@pytest.mark.parametrize("make", [wrong_value, wrong_bucket, failing])
def test_generate_latest_raises_the_error_of_prometheus_client(
    make: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    theirs = registry(Collector(make), library=prometheus_client)
    with pytest.raises(Exception) as expected:
        prometheus_client.generate_latest(theirs)
    ours = registry(Collector(make), metrics.Counter("jobs", "Jobs", ["kind"], registry=None))
    encoder, _ = choose_encoder("")
    generators = [metrics.generate_latest, openmetrics.generate_latest, encoder]
    for generate in generators:
        with pytest.raises(expected.type) as raised:
            generate(ours)
        assert raised.value.args[0] == expected.value.args[0]
        family, is_family = raised.value.args[-1], make is not failing
        assert isinstance(family, core.Metric) == is_family
    with pytest.raises(expected.type):
        metrics.generate_latest(ours, format="protobuf")
    # Only the first of consecutive failures is logged. The text does not contain the family.
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "Metric(" not in record.getMessage()


def test_generate_latest_raises_the_error_of_the_only_gauge() -> None:
    ours = metrics.CollectorRegistry()
    numbers: dict[str, float] = {}
    metrics.Gauge("room", "Room", registry=ours).set_function(lambda: numbers["deep"])
    with pytest.raises(KeyError, match="deep"):
        metrics.generate_latest(ours)
    numbers["deep"] = 5
    assert metrics.generate_latest(ours).endswith(b"\nroom 5.0\n")


def test_generate_latest_skips_a_failure_if_another_sample_remains() -> None:
    ours = registry(Collector(wrong_value), metrics.Counter("jobs", "Jobs", registry=None))
    assert metrics.generate_latest(ours).endswith(b"\njobs_total 0.0\n")
    assert openmetrics.generate_latest(ours).endswith(b"\njobs_total 0.0\n# EOF\n")
    with pytest.raises(ValueError, match="warm"):
        metrics.generate_latest(ours.restricted_registry(["room"]))


def test_generate_latest_accepts_a_registry_without_samples() -> None:
    assert metrics.generate_latest(metrics.CollectorRegistry()) == b""
    empty = registry(Collector(lambda: core.GaugeMetricFamily("room", "Room")))
    assert metrics.generate_latest(empty) == b"# HELP room Room\n# TYPE room gauge\n"


def test_a_failed_inner_collection_does_not_fail_the_outer_one() -> None:
    inner = registry(Collector(wrong_value))

    def outer() -> core.Metric:
        with pytest.raises(ValueError, match="warm"):
            metrics.generate_latest(inner)
        return core.GaugeMetricFamily("outer", "Outer")

    text = metrics.generate_latest(registry(Collector(outer)))
    assert text == b"# HELP outer Outer\n# TYPE outer gauge\n"


def test_responses_pushes_and_files_are_empty_after_a_failure(tmp_path: Path) -> None:
    ours = registry(Collector(wrong_value))
    statuses: list[str] = []
    request = {"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics"}
    application: Any = make_wsgi_app(ours)
    body = application(request, lambda status, headers: statuses.append(status))
    assert (statuses, list(body)) == (["200 OK"], [b""])

    sent: list[Any] = []

    async def serve() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request"}

        async def send(message: Any) -> None:
            sent.append(message)

        await make_asgi_app(ours)({"type": "http", "headers": []}, receive, send)

    asyncio.run(serve())
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"")

    path = tmp_path / "metrics.prom"
    metrics.write_to_textfile(str(path), ours)
    assert path.read_bytes() == b""

    bodies: list[bytes] = []
    metrics.push_to_gateway(
        "localhost", "job", ours, handler=lambda **of: lambda: bodies.append(of["data"])
    )
    assert bodies == [b""]
