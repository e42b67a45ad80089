"""Tests text and OpenMetrics: golden files, the bytes of prometheus_client, and its parsers."""

import gzip
import math
import random
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.request import Request, urlopen

import dataclay_metrics as metrics
import prometheus_client
import prometheus_client.openmetrics.exposition
import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from random_registry import random_number, random_text
from served import http_exporter
from servers import TIMEOUT, scrape

GOLDEN = Path(__file__).parent.parent / "golden"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"


def scraped(registry: metrics.CollectorRegistry, accept: str) -> tuple[str, str]:
    """Returns the Content-Type and the body of a scrape."""
    with http_exporter(registry) as exporter:
        content_type, body = scrape(exporter.url, accept)
    return content_type, body.decode()


def golden(metrics: ModuleType = metrics) -> Any:
    """Returns a registry with the metrics of the golden files."""
    registry = metrics.CollectorRegistry()
    metrics.Counter("requests", 'Requests "served" \\ in\ntwo lines', registry=registry).inc(12345)
    metrics.Counter("bytes_total", "", registry=registry).inc(2.5)
    numbers = metrics.Gauge("number", "Grüße ✓", ["of"], registry=registry)
    for of, value in {
        "zero": 0.0,
        "negative": -3.0,
        "tenth": 0.1,
        "large": 1e300,
        "tiny": 5e-324,
        "nan": math.nan,
        "inf": math.inf,
        "-inf": -math.inf,
        'back\\slash "quote" new\nline é': 1.0,
    }.items():
        numbers.labels(of).set(value)
    buckets = (0.1, 1, "10")
    wait = metrics.Histogram(
        "wait_seconds", "Time in the queue", buckets=buckets, registry=registry
    )
    for seconds in (0.0625, 5, 5, 12):
        wait.observe(seconds)
    sizes = metrics.Summary("size_bytes", "Size of an answer", ["method"], registry=registry)
    for _ in range(3):
        sizes.labels("get").observe(512)
    states = ["waiting", "running"]
    metrics.Enum("job_state", "What the job does", states=states, registry=registry).state(
        "running"
    )
    return registry


def test_scrapes_equal_the_golden_files() -> None:
    text = (GOLDEN / "metrics.txt").read_text()
    assert scraped(golden(), "*/*") == (TEXT, text)
    expected = (OPENMETRICS, (GOLDEN / "metrics.openmetrics.txt").read_text())
    assert scraped(golden(), "application/openmetrics-text") == expected


@pytest.mark.alone  # prometheus_client disables created samples for all threads
def test_generate_latest_writes_the_bytes_of_prometheus_client() -> None:
    peer: Any = prometheus_client
    ours, theirs = golden(), golden(peer)
    peer.disable_created_metrics()
    try:
        text = peer.generate_latest(theirs)
        in_openmetrics = peer.openmetrics.exposition.generate_latest(theirs)
    finally:
        peer.enable_created_metrics()
    assert metrics.generate_latest(ours) == text
    assert metrics.generate_latest(ours, format="openmetrics") == in_openmetrics


@pytest.mark.parametrize("seed", range(20))
def test_numbers_and_labels_are_written_as_by_prometheus_client(seed: int) -> None:
    chance = random.Random(seed)
    texts = []
    names = chance.sample(["b", "a", "_z", "Z", "le2", "view"], 3)
    numbers = [chance.choice([1, -1]) * 10 ** chance.uniform(-20, 25) for _ in range(60)]
    numbers += [round(chance.uniform(-1e6, 1e6), chance.randrange(9)) for _ in range(60)]
    numbers += [float(10**at) for at in range(25)] + [chance.randrange(2**53) for _ in range(30)]
    for package in (metrics, prometheus_client):
        registry = package.CollectorRegistry()
        gauge = package.Gauge("g", "G", names, registry=registry)
        for at, number in enumerate(numbers):
            gauge.labels(at, random_text(random.Random(at)), "").set(number)
        bounds = sorted({abs(number) for number in numbers[:40]})
        package.Histogram("h", "H", ["z", "a"], buckets=bounds, registry=registry).labels(1, 2)
        texts.append(package.generate_latest(registry).decode().splitlines())
    ours, theirs = texts
    theirs = [line for line in theirs if "_created" not in line]
    assert ours == theirs


def test_whole_numbers_beyond_the_precision_of_a_float_are_exact() -> None:
    registry = metrics.CollectorRegistry()
    metrics.Counter("c", "C", registry=registry).inc(2**53 + 1)
    assert metrics.generate_latest(registry).endswith(b"\nc_total 9.007199254740993e+15\n")


def same(a: float, b: float) -> bool:
    return math.copysign(1, a) == math.copysign(1, b) and a == b


# Ten threads use only some of the seeds, because the parsers are slow.
SEEDS = [*range(5), *(pytest.param(seed, marks=pytest.mark.alone) for seed in range(5, 40))]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_parsers_read_back_any_metric(seed: int) -> None:
    chance = random.Random(seed)
    registry = metrics.CollectorRegistry()
    expected: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    helps = {}
    for at in range(8):
        names = [f"l{chance.randrange(10**6)}_{i}" for i in range(1 + chance.randrange(3))]
        # The parser ends a line at a carriage return, and strips the help text.
        help = random_text(chance).replace("\r", "").strip()
        family = metrics.Gauge(f"gauge_{at}", help, names, registry=registry)
        helps[f"gauge_{at}"] = help
        for _ in range(3):
            values = [random_text(chance).replace("\r", "") for _ in names]
            number = random_number(chance)
            family.labels(*values).set(number)
            expected[f"gauge_{at}", tuple(zip(names, values, strict=True))] = number
        count = chance.randrange(2**64) >> chance.randrange(64)
        metrics.Counter(f"counter_{at}", help, registry=registry).inc(count)
        helps[f"counter_{at}"] = help
        expected[f"counter_{at}_total", ()] = float(count)
    for accept, parse in [
        ("text/plain", text_string_to_metric_families),
        ("application/openmetrics-text", openmetrics.text_string_to_metric_families),
    ]:
        _, page = scraped(registry, accept)
        read = {}
        for family in parse(page):
            assert family.documentation == helps[family.name]
            for sample in family.samples:
                # The parser returns whole numbers as int.
                read[sample.name, tuple(sample.labels.items())] = float(sample.value)
        assert read.keys() == expected.keys()
        wrong = {k: (read[k], v) for k, v in expected.items() if not same(read[k], v)}
        assert wrong == {}


def test_gzip_is_sent_only_to_clients_that_accept_it() -> None:
    registry = metrics.CollectorRegistry()
    family = metrics.Gauge("gauge", "A gauge", ["at"], registry=registry)
    for at in range(1000):
        family.labels(at).set(at)
    with http_exporter(registry) as exporter:
        plain = urlopen(exporter.url, timeout=TIMEOUT)
        assert plain.headers["Content-Encoding"] is None
        request = Request(exporter.url, headers={"Accept-Encoding": "deflate, gzip;q=0.5"})
        compressed = urlopen(request, timeout=TIMEOUT)
        assert compressed.headers["Content-Encoding"] == "gzip"
        body = compressed.read()
        assert len(body) < 8000 and gzip.decompress(body) == plain.read()


@pytest.mark.parametrize("labelnames", [(), ("k",)])
def test_a_counter_needs_a_name_before_its_suffix(labelnames: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"_total.*needs a name"):
        metrics.Counter("_total", "No name", labelnames, registry=None)


@pytest.mark.parametrize(
    "make",
    [
        lambda registry: metrics.Counter("total", "h", namespace="a", registry=registry),
        lambda registry: metrics.Counter("_total", "h", namespace="a", registry=registry),
        lambda registry: metrics.Counter("_total", "h", unit="seconds", registry=registry),
        lambda registry: metrics.Counter("_created", "h", registry=registry),
        lambda registry: metrics.Gauge("_created", "h", registry=registry),
        lambda registry: metrics.Gauge("_total", "h", registry=registry),
        lambda registry: metrics.Gauge("_bucket", "h", registry=registry),
        lambda registry: metrics.Gauge("_info", "h", registry=registry),
        lambda registry: metrics.Info("_info", "h", registry=registry),
        lambda registry: metrics.Info("_total", "h", registry=registry),
    ],
)
def test_the_parsers_read_a_metric_whose_name_is_a_suffix(make: object) -> None:
    registry = metrics.CollectorRegistry()
    make(registry)  # type: ignore[operator]
    after = metrics.Gauge("after", "h", registry=registry)
    after.set(1)
    _, text = scraped(registry, "*/*")
    assert [family.name for family in text_string_to_metric_families(text)][-1] == "after"
    _, text = scraped(registry, OPENMETRICS)
    assert [*openmetrics.text_string_to_metric_families(text)]  # type: ignore[no-untyped-call]
