"""The same metrics give the same bytes in every language: here, and in Rust and C."""

import math
from pathlib import Path

from dataclay_metrics import CollectorRegistry, Counter, Gauge, generate_latest

GOLDEN = Path(__file__).parents[1] / "golden"


def test_the_text_format() -> None:
    registry = CollectorRegistry()
    plain = Counter("plain", 'Back\\slash\nand "quotes"', registry=registry)
    plain.inc(9007199254740993)
    Counter("fractions_total", "", registry=registry).inc(0.1)
    requests = Counter("requests", "Served", ["method", "code"], registry=registry)
    requests.labels("get", "200").inc()
    requests.labels("post", "").inc(2)
    level = Gauge("level", "hé", ["path", "name"], registry=registry)
    level.labels('C:\\ "x"\n', "é").set(-0.5)
    Gauge("huge", "Infinite", registry=registry).set(math.inf)
    assert generate_latest(registry) == (GOLDEN / "text.txt").read_bytes()
