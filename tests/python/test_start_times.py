"""Tests start times in a real Prometheus 3: it counts the first sample of a series from zero."""

import random
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import interpreter
import pytest
import servers
from dataclay_metrics import (
    CollectorRegistry,
    Counter,
    Histogram,
    Summary,
    push_to_gateway,
    start_http_server,
)
from prometheus_client.parser import text_string_to_metric_families
from servers import wait_for
from test_protobuf import Labels, any_registry

# A zero is stored at the start time of a series.
ZEROS = ("--enable-feature=created-timestamp-zero-ingestion",)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    if shutil.which("prometheus-next") is None:
        pytest.skip("tests/servers.sh found no Prometheus 3 for this machine")
    yield tmp_path


def least(prometheus: servers.Prometheus, selector: str) -> list[float]:
    """Returns the smallest sample of each series that has two: a zero and one, or two scrapes."""
    enough = f"count_over_time({selector}[1m]) > 1"
    return prometheus.query(f"min_over_time({selector}[1m]) and {enough}")


def test_prometheus_counts_increments_before_the_first_scrape(directory: Path) -> None:
    registry = CollectorRegistry()
    clients = Counter("clients", "Of a client", ["client"], registry=registry)
    waits = Histogram("wait_seconds", "Of all", registry=registry)
    sizes = Summary("size_bytes", "Of all", registry=registry)
    for number in range(5):
        clients.labels(str(number)).inc(7)
        waits.observe(0.5)
        sizes.observe(10)
    exporter = start_http_server(0, addr="127.0.0.1", registry=registry)
    targets = {"proto": f"127.0.0.1:{exporter.port}", "as-text": f"127.0.0.1:{exporter.port}"}
    try:
        with servers.prometheus(directory, targets, "-next", ZEROS, "200ms") as prometheus:
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
                wait_for(partial(least, prometheus, proto), [0.0] * count)
                wait_for(partial(least, prometheus, text), [value] * count)
    finally:
        exporter.stop()


CLIENT = """
import dataclay_metrics as metrics, time
metrics.start()
metrics.dataclay_inmemory_hits_total.inc(7)
time.sleep(0.4)
"""


@pytest.mark.parametrize("of", ["", "-next"])
def test_pushes_in_protobuf_pass_start_times_through_a_gateway(directory: Path, of: str) -> None:
    with ExitStack() as stack:
        gateway = stack.enter_context(servers.pushgateway(directory, generation=of))
        targets = {"pushgateway": gateway.address}
        start = servers.prometheus(directory, targets, "-next", ZEROS, "200ms")
        prometheus = stack.enter_context(start)
        for number, format in enumerate(["protobuf", "text"]):
            interpreter.output(
                CLIENT,
                DATACLAY_METRICS="true",
                DATACLAY_METRICS_EXPORTER="pushgateway",
                DATACLAY_METRICS_HOST="127.0.0.1",
                DATACLAY_METRICS_PORT=str(gateway.port),
                DATACLAY_METRICS_INSTANCE=f"client-{number}",
                DATACLAY_METRICS_PUSH_FORMAT=format,
            )
        registry = CollectorRegistry()
        Counter("once", "Of a push", registry=registry).inc(3)
        push_to_gateway(gateway.address, "once-protobuf", registry, format="protobuf")
        push_to_gateway(gateway.address, "once-text", registry)

        hits = "dataclay_inmemory_hits_total"
        wait_for(lambda: least(prometheus, f'{hits}{{instance="client-0"}}'), [0.0])
        wait_for(lambda: least(prometheus, f'{hits}{{instance="client-1"}}'), [7.0])
        wait_for(lambda: least(prometheus, 'once_total{job="once-protobuf"}'), [0.0])
        wait_for(lambda: least(prometheus, 'once_total{job="once-text"}'), [3.0])


@pytest.mark.parametrize("seed", range(2))
def test_a_gateway_exposes_the_same_samples_from_both_formats(
    each_pushgateway: servers.Pushgateway, seed: int
) -> None:
    registry = any_registry(random.Random(seed), halves=False)
    push_to_gateway(each_pushgateway.address, "text", registry, format="text")
    push_to_gateway(each_pushgateway.address, "protobuf", registry, format="protobuf")
    exposed: dict[str, dict[tuple[str, Labels], str]] = {"text": {}, "protobuf": {}}
    for family in text_string_to_metric_families(
        servers.get(f"http://{each_pushgateway.address}/metrics")
    ):
        for sample in family.samples:
            job = sample.labels.pop("job", "")
            # The text of prometheus_client has no sum of observations below zero.
            is_negative = sample.name.startswith("plain_wait_") and sample.name.endswith("_sum")
            # The gateway adds a count and a sum to the buckets of a gauge histogram, which has its
            # own: they are gauges.
            is_added = re.fullmatch("custom_queue_(count|sum)", sample.name) is not None
            is_own = not (sample.name.startswith("push_") or is_negative or is_added)
            if job in exposed and is_own:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                exposed[job][key] = repr(float(sample.value))
    assert exposed["text"]
    assert exposed["protobuf"] == exposed["text"]
