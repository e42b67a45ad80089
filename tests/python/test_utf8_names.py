"""Tests names with any characters: their escaping, and that real servers accept them."""

import itertools
import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import dataclay_metrics
import interpreter
import prometheus_client
import prometheus_client.openmetrics.exposition
import pytest
import servers
from dataclay_metrics import (
    CollectorRegistry,
    Counter,
    Gauge,
    Info,
    generate_latest,
    push_to_gateway,
)
from dataclay_metrics.openmetrics import exposition as openmetrics
from dataclay_metrics.validation import (
    disable_legacy_validation,
    enable_legacy_validation,
    get_legacy_validation,
)
from served import http_exporter
from servers import wait_for

SCHEMES = ["allow-utf-8", "underscores", "dots", "values"]


def filled(package: Any) -> Any:
    """Returns a registry with names that are not legacy, of every kind that the package allows."""
    registry = package.CollectorRegistry()
    requests = package.Counter("http.requests", "Of all", ["http.method", "a"], registry=registry)
    requests.labels("GET", "ü").inc(2)
    package.Gauge("Länge der Schlange", 'Of "all"', registry=registry).set(3)
    package.Gauge("legacy", "Of all", ["a b"], registry=registry).labels("x").set(1)
    waits = package.Histogram("wait.seconds", "Of all", buckets=[1], registry=registry)
    waits.observe(0.5)
    package.Summary("size/bytes", "Of all", registry=registry).observe(1)
    package.Info("build.info", "Of all", registry=registry).info({"vcs.ref": "1", "b": "2"})
    package.Enum("job:state.now", "Of all", states=["a", "b"], registry=registry)
    package.Counter("plain_total", "Of all", registry=registry).inc()
    return registry


@pytest.fixture
def without_created() -> Iterator[None]:
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
    yield
    prometheus_client.enable_created_metrics()  # type: ignore[no-untyped-call]


@pytest.mark.usefixtures("without_created")
@pytest.mark.parametrize("scheme", SCHEMES)
def test_each_scheme_escapes_as_prometheus_client_does(scheme: str) -> None:
    ours = generate_latest(filled(dataclay_metrics), scheme)
    assert ours == prometheus_client.generate_latest(filled(prometheus_client), scheme)
    generate: Any = prometheus_client.openmetrics.exposition.generate_latest
    theirs = generate(filled(prometheus_client), scheme).splitlines()
    lines = openmetrics.generate_latest(filled(dataclay_metrics), scheme).splitlines()
    if scheme in ("dots", "values"):
        # prometheus_client also escapes the legacy name of a sample, but not that of its family.
        different = {
            line for line in theirs if b"plain" in line or b"job" in line or b"legacy" in line
        }
        theirs = [line for line in theirs if line not in different]
        lines = [
            line for line in lines if not any(n in line for n in (b"plain", b"job", b"legacy"))
        ]
    elif scheme == "underscores":
        # prometheus_client escapes a colon in the name of a sample, but not in that of its family.
        theirs = [line.replace(b"job_state_now{", b"job:state_now{") for line in theirs]
    assert lines == theirs


@pytest.mark.parametrize("scheme", ["underscores", "values"])
def test_names_that_are_equal_when_escaped_stay_different(
    scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    registry = CollectorRegistry()
    for name in ["a_b", "a.b", "a-b", "花火", "請求"]:
        Gauge(name, "Of all", registry=registry)
    Info("i", "Of all", registry=registry).info({"a.b": "1", "a_b": "2", "花火": "3"})
    with caplog.at_level(logging.WARNING):
        text = generate_latest(registry, scheme).decode()
    samples = servers.samples(text)
    names = [sample.name for sample in samples]
    assert len(set(names)) == len(names) == 6
    assert len(samples[-1].labels) == 3
    assert "__" not in samples[-1].labels  # Prometheus drops labels that start with it
    assert names[0] == "a_b"


def test_a_name_that_collides_when_escaped_is_logged_once() -> None:
    program = """
import logging
from dataclay_metrics import CollectorRegistry, Gauge, generate_latest
logging.basicConfig(format="%(name)s %(levelname)s %(message)s")
registry = CollectorRegistry()
for name in ["a_b", "a.b", "a-b", "only.here"]:
    Gauge(name, "Of all", registry=registry)
for _ in range(3):
    generate_latest(registry, "underscores")
    generate_latest(registry)
"""
    ended = interpreter.run("-c", program)
    assert (ended.status, ended.stderr.splitlines()) == (
        0,
        [
            'dataclay_metrics WARNING "a.b" is exposed as U__a_2e_b: a_b is the name of another',
            'dataclay_metrics WARNING "a-b" is exposed as U__a_2d_b: a_b is the name of another',
        ],
    )


def test_an_endpoint_uses_the_escaping_of_the_accept_header() -> None:
    registry = CollectorRegistry()
    Gauge("queue.length", "Of all", ["a.b"], registry=registry).labels("x")
    with http_exporter(registry) as exporter:
        for (format, types), (scheme, line) in itertools.product(
            [
                ("text/plain;version=1.0.0", "text/plain; version=1.0.0; charset=utf-8"),
                (
                    "application/openmetrics-text;version=1.0.0",
                    "application/openmetrics-text; version=1.0.0; charset=utf-8",
                ),
            ],
            [
                ("allow-utf-8", '{"queue.length","a.b"="x"} 0'),
                ("underscores", 'queue_length{a_b="x"} 0'),
                ("dots", 'queue_dot_length{a_dot_b="x"} 0'),
                ("values", 'U__queue_2e_length{U__a_2e_b="x"} 0'),
            ],
        ):
            content_type, body = servers.scrape(exporter.url, f"{format};escaping={scheme}")
            assert content_type == f"{types}; escaping={scheme}"
            assert line in body.decode().splitlines()
        content_type, body = servers.scrape(exporter.url, "*/*")
        assert content_type == "text/plain; version=0.0.4; charset=utf-8"
        assert 'queue_length{a_b="x"} 0' in body.decode().splitlines()


def test_prometheus_3_accepts_any_name(prometheus_3: str, tmp_path: Path) -> None:
    registry = CollectorRegistry()
    name = 'Länge "der" \\ Schlange'
    Gauge(name, "Of all", ["http.method"], registry=registry).labels("GET").set(7)
    requests = Counter("http.requests", "Of all", registry=registry)
    requests.inc(3, {"trace.id": "1"})
    # Each Prometheus scrapes another format: OpenMetrics, protobuf, and text as an older server.
    options = ("--enable-feature=native-histograms,exemplar-storage",)
    with http_exporter(registry) as exporter:
        address = f"127.0.0.1:{exporter.port}"
        for folder, features, selector in [
            ("text", (), '{"http.requests_total"}'),
            ("proto", options, '{"http.requests_total"}'),
            ("old-text", (), "http_requests_total"),
        ]:
            directory = tmp_path / folder
            directory.mkdir()
            targets = {folder: address}
            with servers.prometheus(directory, targets, prometheus_3, features, "200ms") as running:
                quoted = name.replace("\\", "\\\\").replace('"', '\\"')
                wait_for(partial(running.query, selector), [3.0])
                if folder != "old-text":
                    assert running.query(f'{{"{quoted}","http.method"="GET"}}') == [7.0]


def test_gateways_accept_any_name(each_pushgateway: servers.Pushgateway) -> None:
    registry = CollectorRegistry()
    Gauge("queue.length", "Of all", ["a b"], registry=registry).labels("x").set(7)
    for format in ("text", "protobuf"):
        push_to_gateway(each_pushgateway.address, format, registry, format=format)
        found = [s for s in each_pushgateway.samples() if s.labels.get("job") == format]
        assert ("queue_length", "x", 7.0) in [(s.name, s.labels.get("a_b"), s.value) for s in found]


def test_legacy_validation_refuses_other_names() -> None:
    assert not get_legacy_validation()
    enable_legacy_validation()
    try:
        for name in ["1st", "a-b", "a b", "é", "a\n"]:
            with pytest.raises(ValueError, match=r"\[a-zA-Z_:\].*legacy"):
                Gauge(name, "Of all", registry=None)
            with pytest.raises(ValueError, match=r"\[a-zA-Z_\].*legacy"):
                Gauge("name", "Of all", [name], registry=None)
        with pytest.raises(ValueError, match="legacy"):
            Counter("name", "Of all", registry=None).inc(1, {"a.b": "c"})
        Gauge("a:b", "Of all", ["a_b"], registry=None)
    finally:
        disable_legacy_validation()
    Gauge("1st", "Of all", ["a-b"], registry=None)


@pytest.mark.parametrize(("value", "refused"), [("true", True), ("1", True), ("no", False)])
def test_a_variable_enables_legacy_validation(value: str, refused: bool) -> None:
    program = """
import dataclay_metrics as metrics
try:
    metrics.Gauge("a.b", "Of all", registry=None)
except ValueError:
    print("refused")
"""
    variables = {"PROMETHEUS_LEGACY_NAME_VALIDATION": value}
    ended = interpreter.run("-c", program, **variables)
    assert (ended.stdout.strip() == "refused") == refused, ended
