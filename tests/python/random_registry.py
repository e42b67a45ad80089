"""Creates registries with random metrics of every type, to compare exposition formats."""

import math
import random
from collections.abc import Iterator
from typing import Any

import dataclay_metrics as metrics
import prometheus_client.core as peer

# Characters that the formats must escape, and all others up to U+FFFF.
ESCAPED = "\\\"\n\r\t ={},#'\0\x7f\x85\u2028é✓\U0001d518_:"
ANY = [*map(chr, range(0xD7FF)), *map(chr, range(0xE000, 0xFFFF))]


def random_text(chance: random.Random) -> str:
    def char() -> str:
        if chance.random() < 0.6:
            return chance.choice(ESCAPED)
        return chance.choice(ANY)

    return "".join(char() for _ in range(chance.randrange(12)))


def random_number(chance: random.Random) -> float:
    special = [0.0, -0.0, 1.0, 2.0**53, 2.0**53 + 2, -1e15, 5e-324, 1.7e308, math.inf, -math.inf]
    kinds = [chance.choice(special), chance.uniform(-1e6, 1e6), float(chance.randrange(10**17))]
    return chance.choice([*kinds, chance.uniform(1, 10) * 10.0 ** chance.randrange(-300, 300)])


class CustomCollector:
    """Yields families of prometheus_client with types and samples that its metrics do not have."""

    def __init__(self, chance: random.Random, halves: bool) -> None:
        self.half = 0.5 * halves
        self.value = random_text(chance).replace("\r", "")
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


def random_registry(chance: random.Random, halves: bool = True) -> metrics.CollectorRegistry:
    """Returns a registry with metrics of each type, with and without labels.

    With `halves`, a bucket has a count that is not whole, which OpenMetrics forbids.
    """
    registry = metrics.CollectorRegistry()

    def text() -> str:
        return random_text(chance).replace("\r", "")

    for at in range(2):
        help = text().strip()
        metrics.Counter(f"plain_{at}", help, registry=registry).inc(chance.randrange(2**60))
        metrics.Counter(f"part_{at}", help, registry=registry).inc(chance.uniform(0, 9))
        metrics.Gauge(f"level_{at}", help, registry=registry).set(random_number(chance))
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
            gauges.labels(text()).set(random_number(chance))
            waits.labels(text()).observe(chance.uniform(0, 9), {"trace_id": "7b"})
            plain.observe(chance.uniform(-9, 9))
            sizes.labels(text()).observe(chance.uniform(0, 9))
            infos.labels(text()).info({"version": text()})
            states.labels(text()).state("y")
    registry.register(CustomCollector(chance, halves))
    return registry
