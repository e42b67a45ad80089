"""Tests start times: how series keep them, and how Prometheus 3 and gateways use them."""

import math
import random
import re
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import dataclay_metrics as metrics
import interpreter
import messages
import pytest
import servers
from dataclay_metrics import (
    CollectorRegistry,
    Counter,
    Histogram,
    Summary,
    push_to_gateway,
)
from parsed import Key, Labels
from prometheus_client.parser import text_string_to_metric_families
from random_registry import random_registry
from served import http_exporter
from servers import wait_for
from stack import exporting

# Prometheus then stores a zero at the start time of a series.
ZEROS = ("--enable-feature=created-timestamp-zero-ingestion",)


def smallest(prometheus: servers.Prometheus, selector: str) -> list[float]:
    """Returns the smallest sample of each series with at least two."""
    enough = f"count_over_time({selector}[5m]) > 1"
    return prometheus.query(f"min_over_time({selector}[5m]) and {enough}")


def test_prometheus_counts_increments_before_the_first_scrape(
    prometheus_3: str, tmp_path: Path
) -> None:
    registry = CollectorRegistry()
    clients = Counter("clients", "Of a client", ["client"], registry=registry)
    waits = Histogram("wait_seconds", "Of all", registry=registry)
    sizes = Summary("size_bytes", "Of all", registry=registry)
    for number in range(5):
        clients.labels(str(number)).inc(7)
        waits.observe(0.5)
        sizes.observe(10)
    with http_exporter(registry) as exporter:
        targets = {"proto": f"127.0.0.1:{exporter.port}", "as-text": f"127.0.0.1:{exporter.port}"}
        with servers.prometheus(tmp_path, targets, prometheus_3, ZEROS, "200ms") as prometheus:
            for series, value, count in [
                ("clients_total", 7.0, 5),
                ("wait_seconds_count", 5.0, 1),
                ("wait_seconds_sum", 2.5, 1),
                ('wait_seconds_bucket{le="+Inf",}', 5.0, 1),
                ("size_bytes_count", 5.0, 1),
                ("size_bytes_sum", 50.0, 1),
            ]:
                name, _, labels = series.removesuffix("}").partition("{")
                proto, text = (f'{name}{{{labels or ""}job="{job}"}}' for job in targets)
                wait_for(partial(smallest, prometheus, proto), [0.0] * count)
                wait_for(partial(smallest, prometheus, text), [value] * count)


CLIENT = """
import dataclay_metrics as metrics, time
metrics.start()
metrics.dataclay_inmemory_hits_total.inc(7)
time.sleep(0.4)  # two scrapes
"""


def test_pushes_in_protobuf_pass_start_times_through_a_gateway(
    prometheus_3: str, generation: str, tmp_path: Path
) -> None:
    with ExitStack() as started:
        gateway = started.enter_context(servers.pushgateway(tmp_path, generation=generation))
        targets = {"pushgateway": gateway.address}
        prometheus = started.enter_context(
            servers.prometheus(tmp_path, targets, prometheus_3, ZEROS, "200ms")
        )
        for number, format in enumerate(["protobuf", "text"]):
            interpreter.output(
                CLIENT,
                **exporting("pushgateway", gateway.port, DATACLAY_METRICS_PUSH_INTERVAL="10"),
                DATACLAY_METRICS_INSTANCE=f"client-{number}",
                DATACLAY_METRICS_PUSH_FORMAT=format,
            )
        registry = CollectorRegistry()
        Counter("once", "Of a push", registry=registry).inc(3)
        push_to_gateway(gateway.address, "once-protobuf", registry, format="protobuf")
        push_to_gateway(gateway.address, "once-text", registry)

        hits = "dataclay_inmemory_hits_total"
        wait_for(lambda: smallest(prometheus, f'{hits}{{instance="client-0"}}'), [0.0])
        wait_for(lambda: smallest(prometheus, f'{hits}{{instance="client-1"}}'), [7.0])
        wait_for(lambda: smallest(prometheus, 'once_total{job="once-protobuf"}'), [0.0])
        wait_for(lambda: smallest(prometheus, 'once_total{job="once-text"}'), [3.0])


@pytest.mark.parametrize("seed", range(2))
def test_a_gateway_exposes_the_same_samples_from_both_formats(
    each_pushgateway: servers.Pushgateway, seed: int
) -> None:
    registry = random_registry(random.Random(seed), halves=False)
    push_to_gateway(each_pushgateway.address, "text", registry, format="text")
    push_to_gateway(each_pushgateway.address, "protobuf", registry, format="protobuf")
    exposed: dict[str, dict[tuple[str, Labels], str]] = {"text": {}, "protobuf": {}}
    for family in text_string_to_metric_families(
        servers.get(f"http://{each_pushgateway.address}/metrics")
    ):
        for sample in family.samples:
            job = sample.labels.pop("job", "")
            # As in prometheus_client, the text has no sum if a bucket is below zero.
            is_negative = sample.name.startswith("plain_wait_") and sample.name.endswith("_sum")
            # The gateway adds a count and a sum to the buckets of a gauge histogram.
            is_added = re.fullmatch("custom_queue_(count|sum)", sample.name) is not None
            is_own = not (sample.name.startswith("push_") or is_negative or is_added)
            if job in exposed and is_own:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                exposed[job][key] = repr(float(sample.value))
    assert exposed["text"]
    assert exposed["protobuf"] == exposed["text"]


TYPES = (messages.COUNTER, messages.SUMMARY, messages.HISTOGRAM)


def created(registry: metrics.CollectorRegistry) -> dict[Key, float]:
    """Returns the start time of each series that has one."""
    found = {}
    for family in messages.families(metrics.generate_latest(registry, format="protobuf")):
        for metric in family.metric:
            value = getattr(metric, messages.FIELDS[family.type])
            if family.type in TYPES and value.HasField("created_timestamp"):
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
    # It is a millisecond early, so that it is before a sample of the same millisecond.
    assert all(before - 0.0011 <= start <= after - 0.0009 for start in first.values())
    time.sleep(0.005)
    wait = metrics.Histogram("wait", "Help", registry=registry)
    counters.labels("2").inc()
    counters.labels("1").inc(3)
    wait.observe(1, {"trace_id": "7b"})  # another function encodes a histogram with an exemplar
    second = created(registry)
    assert {key: second[key] for key in first} == first
    assert second["wait", ()] > max(first.values())
    assert second["hits_total", (("a", "2"),)] > max(first.values())
    # A child that is removed and made again has a new start time.
    counters.remove("1")
    time.sleep(0.002)
    counters.labels("1").inc()
    key = ("hits_total", (("a", "1"),))
    assert created(registry)[key] > first[key]


def test_series_of_a_forked_child_start_at_the_fork() -> None:
    child = """
import os, time, dataclay_metrics as metrics, test_start_times
registry = metrics.CollectorRegistry()
metrics.Counter("hits", "Help", registry=registry).inc()
before = test_start_times.created(registry)
time.sleep(0.01)
forked = time.time()
if os.fork() == 0:
    (start,) = test_start_times.created(registry).values()
    print(forked - 0.002 <= start < time.time(), flush=True)
    os._exit(0)
os.wait()
print(test_start_times.created(registry) == before)
"""
    here = str(Path(__file__).parent)
    assert interpreter.output(child, PYTHONPATH=here) == "True\nTrue\n"
