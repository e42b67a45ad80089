"""Tests that expositions in PrometheusProto have the samples of the text.

Google's protobuf library decodes them.
"""

import math
import random
from collections.abc import Iterator
from typing import Any

import dataclay_metrics as metrics
import messages
import pytest
from messages import (
    CONTENT_TYPE,
    COUNTER,
    FIELDS,
    GAUGE,
    GAUGE_HISTOGRAM,
    HISTOGRAM,
    SUMMARY,
    UNTYPED,
)
from parsed import Key, Labels, in_text
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from random_registry import random_registry
from served import http_exporter
from servers import scrape

TYPES = {
    "counter": COUNTER,
    "gauge": GAUGE,
    "summary": SUMMARY,
    "unknown": UNTYPED,
    "histogram": HISTOGRAM,
    "gaugehistogram": GAUGE_HISTOGRAM,
}


def samples(family: Any) -> Iterator[tuple[Key, float]]:
    """Yields the samples of a family, with the names and labels of the text."""
    name = family.name
    for metric in family.metric:
        labels = tuple(sorted((pair.name, pair.value) for pair in metric.label))

        def key(suffix: str, extra: tuple[str, str] | None = None, of: Labels = labels) -> Key:
            return name + suffix, tuple(sorted([*of, extra] if extra else of))

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


def timestamps(text: str) -> dict[tuple[str, ...], int]:
    """Returns the timestamps of samples in milliseconds, by their label values."""
    return {
        tuple(sample.labels.values()): round(1000 * float(sample.timestamp))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.timestamp is not None
    }


# A few seeds are enough in ten threads, because the parser needs most of the time.
SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.alone) for seed in range(3, 20))]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_messages_have_the_samples_of_the_text(seed: int) -> None:
    registry = random_registry(random.Random(seed))
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
        # As in prometheus_client, the text omits the sum of a histogram with buckets below zero.
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
    registry = random_registry(random.Random(1), halves=False)
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
    # The text rounds times to milliseconds.
    assert [one[:2] for one in ours] == [one[:2] for one in theirs]
    assert [one[2] for one in ours] == pytest.approx([one[2] for one in theirs], rel=0, abs=2e-3)


def test_scrapes_and_wsgi_applications_send_the_accepted_format() -> None:
    registry = metrics.CollectorRegistry()
    metrics.Counter("hits", "Help", registry=registry).inc(7)
    accept = f"{CONTENT_TYPE};q=0.6, application/openmetrics-text;q=0.5, */*;q=0.1"
    expected = metrics.generate_latest(registry, format="protobuf")
    with http_exporter(registry) as exporter:
        for url in (exporter.url, f"{exporter.url}?name[]=hits_total"):
            assert scrape(url, accept) == (CONTENT_TYPE, expected)
    started: list[Any] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_ACCEPT": accept}

    def start_response(*head: Any) -> Any:
        started.append(head)

    body = metrics.make_wsgi_app(registry)(environ, start_response)
    assert b"".join(body) == expected
    assert ("Content-Type", CONTENT_TYPE) in started[0][1]


def test_native_and_explicit_buckets_have_the_same_observations() -> None:
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
    # The explicit buckets count the same observations.
    assert histogram.sample_count == len(numbers) == histogram.bucket[-1].cumulative_count
