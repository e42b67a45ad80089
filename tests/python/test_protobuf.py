"""Tests that Google's protobuf library reads the same samples from PrometheusProto as from the
text."""

import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import dataclay_metrics as metrics
import interpreter
import messages
import prometheus_client.core as peer
import pytest
from messages import COUNTER, GAUGE, GAUGE_HISTOGRAM, HISTOGRAM, SUMMARY, UNTYPED
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from test_formats import any_number, any_text

PROTOBUF = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]

TYPES = {
    "counter": COUNTER,
    "gauge": GAUGE,
    "summary": SUMMARY,
    "unknown": UNTYPED,
    "histogram": HISTOGRAM,
    "gaugehistogram": GAUGE_HISTOGRAM,
}
FIELDS = {
    COUNTER: "counter",
    GAUGE: "gauge",
    SUMMARY: "summary",
    UNTYPED: "untyped",
    HISTOGRAM: "histogram",
    GAUGE_HISTOGRAM: "histogram",
}


class Custom:
    """Yields families of prometheus_client, of types and with samples that no metric has."""

    def __init__(self, chance: random.Random, halves: bool) -> None:
        self.half = 0.5 * halves
        self.value = any_text(chance).replace("\r", "")
        self.numbers = [chance.randrange(1000) for _ in range(4)]

    def collect(self) -> Iterator[Any]:
        one, two, three, four = self.numbers
        labels = ["of"]
        untyped = peer.UnknownMetricFamily("custom_unknown", "Help", labels=labels)
        untyped.add_metric([self.value], one + 0.5, timestamp=two + 0.25)
        untyped.add_metric(["before 1970"], one, timestamp=-two)
        untyped.add_metric(["now"], two)
        yield untyped
        histogram = peer.HistogramMetricFamily("custom_wait", "Help", labels=labels)
        buckets = [("0.5", one), ("1.0", one + two), ("+Inf", one + two + three)]
        histogram.add_metric([self.value], buckets=buckets, sum_value=four / 3)
        histogram.add_metric(["other"], buckets=[("2.0", 1 + self.half), ("+Inf", 3)], sum_value=1)
        yield histogram
        summary = peer.SummaryMetricFamily("custom_size", "Help", labels=labels)
        summary.add_metric([self.value], count_value=one, sum_value=two)
        for quantile in ("0.5", "0.99"):
            of = {"of": self.value, "quantile": quantile}
            summary.add_sample("custom_size", of, three * float(quantile))
        yield summary
        queue = peer.GaugeHistogramMetricFamily("custom_queue", "Help", labels=labels)
        # OpenMetrics allows a negative sum only with negative buckets.
        below = [("-1.0", 0), *buckets]
        queue.add_metric([self.value], buckets=below, gsum_value=four - 500.5)
        queue.add_metric(["other"], buckets=[("-1.0", 1), ("+Inf", 3)], gsum_value=one)
        yield queue


def any_registry(chance: random.Random, halves: bool = True) -> metrics.CollectorRegistry:
    """Returns a registry with metrics of each type, with and without labels.

    `halves` adds a bucket whose count is not whole, which OpenMetrics forbids.
    """
    registry = metrics.CollectorRegistry()

    def text() -> str:
        return any_text(chance).replace("\r", "")

    for at in range(2):
        help = text().strip()
        metrics.Counter(f"plain_{at}", help, registry=registry).inc(chance.randrange(2**60))
        metrics.Counter(f"part_{at}", help, registry=registry).inc(chance.uniform(0, 9))
        metrics.Gauge(f"level_{at}", help, registry=registry).set(any_number(chance))
        counters = metrics.Counter(f"many_{at}", help, ["a", "b"], registry=registry)
        gauges = metrics.Gauge(f"levels_{at}", help, ["a"], registry=registry)
        waits = metrics.Histogram(
            f"wait_{at}_seconds", help, ["a"], unit="seconds", buckets=(0.5, 7), registry=registry
        )
        plain = metrics.Histogram(f"plain_wait_{at}", help, buckets=(-1, 1), registry=registry)
        sizes = metrics.Summary(f"size_{at}", help, ["a"], registry=registry)
        infos = metrics.Info(f"build_{at}", help, ["a"], registry=registry)
        states = metrics.Enum(f"job_{at}", help, ["a"], states=["x", "y"], registry=registry)
        for _ in range(chance.randrange(4)):
            counters.labels(text(), text()).inc(chance.randrange(2**60))
            gauges.labels(text()).set(any_number(chance))
            waits.labels(text()).observe(chance.uniform(0, 9), {"trace_id": "7b"})
            plain.observe(chance.uniform(-9, 9))
            sizes.labels(text()).observe(chance.uniform(0, 9))
            infos.labels(text()).info({"version": text()})
            states.labels(text()).state("y")
    registry.register(Custom(chance, halves))
    return registry


def samples(family: Any) -> Iterator[tuple[Key, float]]:
    """Returns the samples of a message, with the names and labels of the text."""
    name = family.name
    for metric in family.metric:
        labels = tuple(sorted((pair.name, pair.value) for pair in metric.label))

        def key(suffix: str, own: tuple[str, str] | None = None, of: Labels = labels) -> Key:
            return name + suffix, tuple(sorted([*of, own] if own else of))

        set_fields = {field.name for field, _ in metric.ListFields()}
        assert set_fields - {"label", "timestamp_ms"} == {FIELDS[family.type]}
        value = getattr(metric, FIELDS[family.type])
        if family.type in (HISTOGRAM, GAUGE_HISTOGRAM):
            prefix = "_g" if family.type == GAUGE_HISTOGRAM else "_"
            for bucket in value.bucket:
                count = bucket.cumulative_count_float or bucket.cumulative_count
                yield key("_bucket", ("le", str(float(bucket.upper_bound)))), count
            yield key(f"{prefix}count"), value.sample_count_float or value.sample_count
            if value.HasField("sample_sum"):
                yield key(f"{prefix}sum"), value.sample_sum
        elif family.type == SUMMARY:
            for quantile in value.quantile:
                yield key("", ("quantile", str(quantile.quantile))), quantile.value
            yield key("_count"), value.sample_count
            yield key("_sum"), value.sample_sum
        else:
            assert value.HasField("value")
            yield key(""), value.value


def in_text(text: str) -> dict[str, tuple[str, str, dict[Key, float]]]:
    """Returns HELP, type and samples of each family, by the name that its samples have.

    The text has three families for a gauge histogram, which are one here.
    """
    found: dict[str, tuple[str, str, dict[Key, float]]] = {}
    for family in text_string_to_metric_families(text):
        own: dict[Key, float] = {}
        for sample in family.samples:
            labels = {
                name: str(float(value)) if name == "le" else value
                for name, value in sample.labels.items()
            }
            own[sample.name, tuple(sorted(labels.items()))] = sample.value
        name = family.name + ("_total" if family.type == "counter" else "")
        stem, _, part = name.rpartition("_")
        if part in ("gcount", "gsum"):
            help, _, buckets = found[stem]
            found[stem] = (help, "gaugehistogram", buckets | own)
        elif own:
            found[name] = (family.documentation, family.type, own)
    return found


def timestamps(text: str) -> dict[tuple[str, ...], int]:
    """Returns the timestamps of samples in milliseconds, by their label values."""
    return {
        tuple(sample.labels.values()): round(1000 * float(sample.timestamp))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.timestamp is not None
    }


# A few are enough in ten threads, because the parser takes most of the time.
SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.alone) for seed in range(3, 20))]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_messages_have_the_samples_of_the_text(seed: int) -> None:
    registry = any_registry(random.Random(seed))
    text = metrics.generate_latest(registry).decode()
    expected = in_text(text)
    decoded = messages.families(metrics.generate_latest(registry, format="protobuf"))
    assert timestamps(text) == {
        tuple(pair.value for pair in metric.label): metric.timestamp_ms
        for family in decoded
        for metric in family.metric
        if metric.HasField("timestamp_ms")
    }
    assert [family.name for family in decoded] == list(expected)
    for family in decoded:
        help, kind, values = expected[family.name]
        assert (family.help, family.type) == (help, TYPES[kind])
        # The text of Python has no sum of a histogram whose sum may go down.
        read = [
            (key, value)
            for key, value in samples(family)
            if key in values or not key[0].startswith("plain_wait_")
        ]
        assert len(read) == len(dict(read)), "a sample occurs twice"
        assert {key: repr(float(value)) for key, value in read} == {
            key: repr(float(value)) for key, value in values.items()
        }


def test_units_and_exemplars_are_those_of_openmetrics() -> None:
    registry = any_registry(random.Random(1), halves=False)
    text = metrics.generate_latest(registry, format="openmetrics").decode()
    decoded = messages.families(metrics.generate_latest(registry, format="protobuf"))
    units = {family.name: family.unit for family in decoded if family.unit}
    parsed = {family.name: family for family in openmetrics.text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    assert units
    assert units == {name: of.unit for name, of in parsed.items() if of.unit and of.samples}
    theirs = [
        (sample.exemplar.labels, sample.exemplar.value, round(float(sample.exemplar.timestamp), 3))
        for family in parsed.values()
        for sample in family.samples
        if sample.exemplar
    ]
    ours = [
        (
            {pair.name: pair.value for pair in bucket.exemplar.label},
            bucket.exemplar.value,
            bucket.exemplar.timestamp.seconds + bucket.exemplar.timestamp.nanos / 1e9,
        )
        for family in decoded
        for metric in family.metric
        for bucket in metric.histogram.bucket
        if bucket.HasField("exemplar")
    ]
    assert theirs
    # The text has milliseconds.
    assert [one[:2] for one in ours] == [one[:2] for one in theirs]
    assert [one[2] for one in ours] == pytest.approx([one[2] for one in theirs], rel=0, abs=2e-3)


def created(registry: metrics.CollectorRegistry) -> dict[Key, float]:
    """Returns the start times of all series that have one."""
    found = {}
    for family in messages.families(metrics.generate_latest(registry, format="protobuf")):
        for metric in family.metric:
            value = getattr(metric, FIELDS[family.type])
            if family.type in (COUNTER, SUMMARY, HISTOGRAM) and value.HasField("created_timestamp"):
                labels = tuple((pair.name, pair.value) for pair in metric.label)
                start = value.created_timestamp
                found[family.name, labels] = start.seconds + start.nanos / 1e9
    return found


def test_each_series_keeps_its_start_time() -> None:
    registry = metrics.CollectorRegistry()
    before = math.floor(time.time() * 1e3) / 1e3
    counters = metrics.Counter("hits", "Help", ["a"], registry=registry)
    metrics.Summary("size", "Help", registry=registry)
    metrics.Gauge("level", "Help", registry=registry)
    counters.labels("1").inc()
    first = created(registry)
    after = time.time()
    assert set(first) == {("hits_total", (("a", "1"),)), ("size", ())}
    # A millisecond back, so that it is before a sample of the same millisecond.
    assert all(before - 0.0011 <= start <= after - 0.0009 for start in first.values())
    time.sleep(0.005)
    wait = metrics.Histogram("wait", "Help", registry=registry)
    counters.labels("2").inc()
    counters.labels("1").inc(3)
    wait.observe(1, {"trace_id": "7b"})  # exposed by another way, with an exemplar
    second = created(registry)
    assert {key: second[key] for key in first} == first
    assert second["wait", ()] > max(first.values())
    assert second["hits_total", (("a", "2"),)] > max(first.values())
    # A child that is made again begins again.
    counters.remove("1")
    time.sleep(0.002)
    counters.labels("1").inc()
    key = ("hits_total", (("a", "1"),))
    assert created(registry)[key] > first[key]


def test_series_of_a_forked_child_start_at_the_fork() -> None:
    child = """
import os, time, dataclay_metrics as metrics, test_protobuf
registry = metrics.CollectorRegistry()
metrics.Counter("hits", "Help", registry=registry).inc()
before = test_protobuf.created(registry)
time.sleep(0.01)
forked = time.time()
if os.fork() == 0:
    (start,) = test_protobuf.created(registry).values()
    print(forked - 0.002 <= start < time.time(), flush=True)
    os._exit(0)
os.wait()
print(test_protobuf.created(registry) == before)
"""
    here = str(Path(__file__).parent)
    assert interpreter.output(child, PYTHONPATH=here) == "True\nTrue\n"


def test_scrapes_and_wsgi_applications_send_the_accepted_format() -> None:
    registry = metrics.CollectorRegistry()
    metrics.Counter("hits", "Help", registry=registry).inc(7)
    accept = f"{PROTOBUF};q=0.6, application/openmetrics-text;q=0.5, */*;q=0.1"
    expected = metrics.generate_latest(registry, format="protobuf")
    exporter = metrics.start_http_server(0, addr="127.0.0.1", registry=registry)
    try:
        request = Request(exporter.url + "?name[]=hits_total", headers={"Accept": accept})
        with urlopen(request, timeout=10) as answer:
            assert answer.headers["Content-Type"] == PROTOBUF
            assert answer.read() == expected
        with urlopen(Request(exporter.url, headers={"Accept": accept}), timeout=10) as answer:
            assert answer.read() == expected
    finally:
        exporter.stop()
    started: list[Any] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_ACCEPT": accept}

    def start_response(*head: Any) -> Any:
        started.append(head)

    body = metrics.make_wsgi_app(registry)(environ, start_response)
    assert b"".join(body) == expected
    assert ("Content-Type", PROTOBUF) in started[0][1]


def test_native_buckets_hold_the_same_observations() -> None:
    registry = metrics.CollectorRegistry()
    schema = 3
    wait = metrics.Histogram(
        "wait", "Help", ["a"], native_buckets=(schema, 1e-6, 1e3), registry=registry
    )
    chance = random.Random(0)
    numbers = [
        chance.choice([0.0, chance.uniform(0, 1), chance.expovariate(1)]) for _ in range(500)
    ]
    for number in numbers:
        wait.labels("x").observe(number)
    (family,) = messages.families(metrics.generate_latest(registry, format="protobuf"))
    (metric,) = family.metric
    histogram = metric.histogram
    assert (histogram.schema, histogram.zero_threshold) == (schema, 1e-6)
    assert histogram.zero_count == sum(number <= 1e-6 for number in numbers)
    read: dict[int, int] = {}
    index, count, deltas = 0, 0, iter(histogram.positive_delta)
    for span in histogram.positive_span:
        index += span.offset
        for _ in range(span.length):
            count += next(deltas)
            read[index] = count
            index += 1
    assert next(deltas, None) is None
    expected: dict[int, int] = {}
    for number in numbers:
        if number > 1e-6:
            of = math.ceil(math.log2(number) * 2**schema)
            expected[of] = expected.get(of, 0) + 1
    assert read == expected
    # The explicit buckets are of the same observations.
    assert histogram.sample_count == len(numbers) == histogram.bucket[-1].cumulative_count
