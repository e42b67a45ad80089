"""Makes the same registry with this package and with prometheus_client."""

from types import ModuleType
from typing import Any


def five_metrics(library: ModuleType) -> Any:
    """Returns a registry of three gauges and two counters, without functions."""
    registry = library.CollectorRegistry()
    for at in range(3):
        library.Gauge(f"gauge_{at}", "A gauge", registry=registry).set(at)
    for at in range(2):
        library.Counter(f"counter_{at}", "A counter", registry=registry).inc(at)
    return registry


def one_family(library: ModuleType, children: int) -> Any:
    """Returns a registry of one counter with this many children."""
    registry = library.CollectorRegistry()
    counter = library.Counter("requests", "Requests", ["path", "code"], registry=registry)
    for at in range(children):
        counter.labels(f"/path/{at}", "200").inc(at)
    return registry
