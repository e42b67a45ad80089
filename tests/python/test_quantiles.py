"""Tests what a real Prometheus computes from a histogram."""

import math
import random
from bisect import bisect_left
from collections.abc import Callable

import dataclay_metrics
import pytest
from dataclay_metrics import CollectorRegistry, Histogram
from servers import Prometheus, wait_for


@pytest.mark.alone  # ten servers would run
def test_quantiles_are_within_the_bucket_of_the_true_ones(
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
    exporter.stop()
    assert server.query("wait_seconds_sum") == [registry.get_sample_value("wait_seconds_sum")]
    bounds = [0.0, *Histogram.DEFAULT_BUCKETS]
    for quantile in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
        [computed] = server.query(f"histogram_quantile({quantile}, wait_seconds_bucket)")
        true = waits[math.ceil(quantile * len(waits)) - 1]
        bucket = bisect_left(bounds, true)
        assert bounds[bucket - 1] <= computed <= bounds[bucket], (quantile, true)
