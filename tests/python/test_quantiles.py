"""Tests the quantiles that a real Prometheus computes from a histogram."""

import math
import random
from bisect import bisect_left
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import servers
from dataclay_metrics import CollectorRegistry, Histogram
from served import http_exporter
from servers import Prometheus, wait_for

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


def test_computed_quantiles_are_in_the_bucket_of_the_exact_ones(
    prometheus: Callable[[dict[str, str]], Prometheus],
) -> None:
    pick = random.Random(7)
    waits = sorted(math.exp(pick.gauss(-2, 1)) for _ in range(1_000))
    registry = CollectorRegistry()
    histogram = Histogram("wait_seconds", "Waits", registry=registry)
    for wait in waits:
        histogram.observe(wait)
    # The exporter runs during the queries, which omit samples of a target that has ended.
    with http_exporter(registry) as exporter:
        server = prometheus({"service": f"127.0.0.1:{exporter.port}"})
        wait_for(lambda: server.query("wait_seconds_count"), [1_000.0])
        assert server.query("wait_seconds_sum") == [registry.get_sample_value("wait_seconds_sum")]
        bounds = [0.0, *Histogram.DEFAULT_BUCKETS]
        for quantile in QUANTILES:
            [computed] = server.query(f"histogram_quantile({quantile}, wait_seconds_bucket)")
            exact = waits[math.ceil(quantile * len(waits)) - 1]
            bucket = bisect_left(bounds, exact)
            assert bounds[bucket - 1] <= computed <= bounds[bucket], (quantile, exact)


def test_computed_quantiles_are_in_the_native_bucket_of_the_exact_ones(
    generation: str, tmp_path: Path
) -> None:
    pick = random.Random(11)
    waits = sorted(math.exp(pick.gauss(-2, 2)) for _ in range(1_000))
    schema = 3
    registry = CollectorRegistry()
    histogram = Histogram(
        "wait_seconds", "Waits", native_buckets=(schema, 1e-6, 1e6), registry=registry
    )
    for wait in waits:
        histogram.observe(wait)
    native = ("--enable-feature=native-histograms",)
    with ExitStack() as started:
        exporter = started.enter_context(http_exporter(registry))
        targets = {"service": f"127.0.0.1:{exporter.port}"}
        server = started.enter_context(
            servers.prometheus(tmp_path, targets, generation, native, "200ms")
        )
        wait_for(lambda: server.query("histogram_count(wait_seconds)"), [1_000.0])
        [total] = server.query("histogram_sum(wait_seconds)")
        assert math.isclose(total, math.fsum(waits))
        assert server.query("wait_seconds_bucket") == [], "only the native buckets are stored"
        for quantile in QUANTILES:
            [computed] = server.query(f"histogram_quantile({quantile}, wait_seconds)")
            exact = waits[math.ceil(quantile * len(waits)) - 1]
            # The bounds of the bucket are powers of 2^(1/2^schema).
            bucket = math.ceil(math.log2(exact) * 2**schema)
            lower, upper = (2 ** (index / 2**schema) for index in (bucket - 1, bucket))
            assert lower * (1 - 1e-9) <= computed <= upper * (1 + 1e-9), (quantile, exact)
