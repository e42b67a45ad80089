"""Tests what a real Prometheus computes from a histogram."""

import math
import random
import shutil
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

import dataclay_metrics
import pytest
from dataclay_metrics import CollectorRegistry, Histogram
from servers import Prometheus, wait_for
from servers import prometheus as prometheus_of


@pytest.mark.alone  # ten servers would run
def test_computed_quantiles_are_in_the_bucket_of_the_exact_ones(
    prometheus: Callable[[dict[str, str]], Prometheus],
) -> None:
    pick = random.Random(7)
    waits = sorted(math.exp(pick.gauss(-2, 1)) for _ in range(1_000))
    registry = CollectorRegistry()
    histogram = Histogram("wait_seconds", "Waits", registry=registry)
    for wait in waits:
        histogram.observe(wait)
    exporter = dataclay_metrics.start_http_server(0, "127.0.0.1", registry)
    server = prometheus({"service": f"127.0.0.1:{exporter.port}"})
    wait_for(lambda: server.query("wait_seconds_count"), [1_000.0])
    # Samples of a target that is gone are stale, so it ends after the queries.
    assert server.query("wait_seconds_sum") == [registry.get_sample_value("wait_seconds_sum")]
    bounds = [0.0, *Histogram.DEFAULT_BUCKETS]
    for quantile in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
        [computed] = server.query(f"histogram_quantile({quantile}, wait_seconds_bucket)")
        true = waits[math.ceil(quantile * len(waits)) - 1]
        bucket = bisect_left(bounds, true)
        assert bounds[bucket - 1] <= computed <= bounds[bucket], (quantile, true)
    exporter.stop()


@pytest.mark.alone  # ten servers would run
@pytest.mark.parametrize("generation", ["", "-next"])
def test_computed_quantiles_are_in_the_native_bucket_of_the_exact_ones(
    generation: str, tmp_path: Path
) -> None:
    if shutil.which(f"prometheus{generation}") is None:
        pytest.skip("tests/servers.sh found no Prometheus 3 for this machine")
    pick = random.Random(11)
    waits = sorted(math.exp(pick.gauss(-2, 2)) for _ in range(1_000))
    schema = 3
    registry = CollectorRegistry()
    histogram = Histogram(
        "wait_seconds", "Waits", native_buckets=(schema, 1e-6, 1e6), registry=registry
    )
    for wait in waits:
        histogram.observe(wait)
    exporter = dataclay_metrics.start_http_server(0, "127.0.0.1", registry)
    targets = {"service": f"127.0.0.1:{exporter.port}"}
    native = ("--enable-feature=native-histograms",)
    with prometheus_of(tmp_path, targets, generation, native, "200ms") as server:
        wait_for(lambda: server.query("histogram_count(wait_seconds)"), [1_000.0])
        [total] = server.query("histogram_sum(wait_seconds)")
        assert math.isclose(total, math.fsum(waits))
        assert server.query("wait_seconds_bucket") == [], "only the native buckets are stored"
        for quantile in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
            [computed] = server.query(f"histogram_quantile({quantile}, wait_seconds)")
            true = waits[math.ceil(quantile * len(waits)) - 1]
            # The bucket of the true one begins and ends at these powers.
            bucket = math.ceil(math.log2(true) * 2**schema)
            lower, upper = (2 ** (index / 2**schema) for index in (bucket - 1, bucket))
            assert lower * (1 - 1e-9) <= computed <= upper * (1 + 1e-9), (quantile, true)
        exporter.stop()
