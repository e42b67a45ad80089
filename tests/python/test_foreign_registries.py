"""Tests the registration of metrics with registries of other classes."""

from typing import Any

import dataclay_metrics
import prometheus_client
import prometheus_client.openmetrics.exposition
import pytest
from dataclay_metrics import (
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    Metric,
    PlatformCollector,
    ProcessCollector,
    Summary,
    generate_latest,
)
from served import http_exporter
from servers import get


class Proxy:
    """A registry that has only the methods `register` and `collect`."""

    def __init__(self) -> None:
        self.collectors: list[Any] = []

    def register(self, collector: Any) -> None:
        self.collectors.append(collector)

    def collect(self) -> Any:
        for collector in self.collectors:
            yield from collector.collect()


@pytest.mark.parametrize("make", [prometheus_client.CollectorRegistry, Proxy])
def test_a_metric_can_be_registered_with_a_foreign_registry(make: Any) -> None:
    registry = make()
    Counter("orders", "Orders", registry=registry).inc()
    Gauge("stock", "Stock", ["shop"], registry=registry).labels("a").set(3)
    Info("build", "Build", registry=registry).info({"version": "1"})
    Histogram("wait", "Wait", registry=registry, buckets=[1]).observe(0.5, {"trace_id": "7b"})
    Summary("size", "Size", registry=registry).observe(2)
    Enum("mode", "Mode", states=["on", "off"], registry=registry).state("off")
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    PlatformCollector(registry=registry)
    text = prometheus_client.generate_latest(registry).decode()
    for line in (
        "orders_total 1.0",
        'stock{shop="a"} 3.0',
        'build_info{version="1"} 1.0',
        'wait_bucket{le="1.0"} 1.0',
        "size_sum 2.0",
        'mode{mode="off"} 1.0',
        "# TYPE process_cpu_seconds_total counter",
        "# TYPE python_gc_collections_total counter",
        "# TYPE python_info gauge",
    ):
        assert line in text, text
    in_open_metrics: Any = prometheus_client.openmetrics.exposition.generate_latest
    text = in_open_metrics(registry).decode()
    assert '\nwait_bucket{le="1.0"} 1.0 # {trace_id="7b"} 0.5 ' in text, text
    assert '\nmode{mode="on"} 0.0\n' in text, text
    with http_exporter(registry) as exporter:
        assert "\norders_total 1\n" in get(exporter.url)


def test_the_error_of_a_foreign_registry_is_raised() -> None:
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Counter("orders", "Orders", registry=registry)
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        Counter("orders", "Orders", registry=registry)


def enum(name: str, documentation: str, registry: Any) -> Enum:
    return Enum(name, documentation, states=["on"], registry=registry)


@pytest.mark.parametrize(
    "wrong",
    [Counter("orders", "Orders", registry=None), 5, "default", {}, [], Metric, CollectorRegistry],
)
@pytest.mark.parametrize("make", [Counter, Gauge, Info, Histogram, Summary, enum])
def test_an_object_that_is_not_a_registry_is_refused(make: Any, wrong: object) -> None:
    with pytest.raises(TypeError, match=r"registry must be a CollectorRegistry.*not "):
        make("orders", "Orders", registry=wrong)
    with pytest.raises(TypeError, match="registry must be"):
        GCCollector(wrong)  # type: ignore[arg-type]


def test_a_metric_can_be_registered_with_a_registry_of_this_package() -> None:
    registry = CollectorRegistry()
    counter = dataclay_metrics.Counter("orders", "Orders", registry=registry)
    counter.inc(0)
    assert generate_latest(registry).endswith(b"\norders_total 0.0\n")
