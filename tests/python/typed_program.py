"""A program written for prometheus_client: `make check` runs mypy on it.

Nothing runs it. pyright, which is not part of the checks, also accepts it.
"""

# ruff: noqa: F841, RUF059

from collections.abc import Callable, Iterable

import dataclay_metrics
import dataclay_metrics.multiprocess
from dataclay_metrics import (
    GC_COLLECTOR,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    Histogram,
    Info,
    Metric,
    ProcessCollector,
    Summary,
    delete_from_gateway,
    generate_latest,
    instance_ip_grouping_key,
    make_asgi_app,
    make_wsgi_app,
    push_to_gateway,
    start_http_server,
    write_to_textfile,
)
from dataclay_metrics.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    StateSetMetricFamily,
    SummaryMetricFamily,
    Timestamp,
)
from dataclay_metrics.exposition import basic_auth_handler, choose_encoder
from dataclay_metrics.metrics import MetricWrapperBase
from dataclay_metrics.multiprocess import MultiProcessCollector, mark_process_dead
from dataclay_metrics.openmetrics.exposition import generate_latest as om_latest
from dataclay_metrics.registry import Collector
from dataclay_metrics.samples import Sample as S2


class Rooms(Collector):
    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily("people", "People", labels=["room"])
        family.add_metric(["kitchen"], 3, timestamp=1.5)
        yield family
        counter = CounterMetricFamily(
            "c", "C", value=3, created=1.0, exemplar=Exemplar({"a": "b"}, 1.0)
        )
        yield counter
        yield HistogramMetricFamily("h", "H", buckets=[("1.0", 1), ("+Inf", 2)], sum_value=3)
        yield GaugeHistogramMetricFamily("gh", "H", buckets=[("1.0", 1), ("+Inf", 2)], gsum_value=3)
        yield InfoMetricFamily("i", "I", value={"a": "b"})
        yield StateSetMetricFamily("s", "S", value={"a": True})
        yield SummaryMetricFamily("su", "S", count_value=1, sum_value=2)
        metric = Metric("m", "M", "gauge")
        metric.add_sample("m", {"a": "b"}, 3, Timestamp(1, 2))
        yield metric


def program() -> None:
    registry = CollectorRegistry(auto_describe=True)
    REGISTRY.register(Rooms())
    registry.register(Rooms())
    jobs = Counter("jobs", "Jobs", ["kind"], registry=registry)
    jobs.labels("a").inc()
    jobs.labels(kind="a").inc(2.5, exemplar={"trace_id": "x"})
    jobs.labels("a").reset()
    plain = Counter(
        "plain", "Plain", ("a", "b"), namespace="n", subsystem="s", unit="u", registry=None
    )
    gauge: Gauge = Gauge("g", "G", multiprocess_mode="livesum")
    gauge.set(3)
    gauge.set_function(lambda: 3.5)
    gauge.set_to_current_time()
    with gauge.track_inprogress():
        pass
    histogram = Histogram("h", "H", buckets=(1, 2, float("inf")))
    with histogram.time() as timer:
        timer.labels("x")

    @histogram.time()
    def work(x: int) -> str:
        return str(x)

    value: str = work(3)

    @jobs.count_exceptions(ValueError)
    def other(x: int) -> int:
        return x

    n: int = other(3)
    Summary("s", "S").observe(3)
    Info("i", "I").info({"a": "b"})
    Enum("e", "E", states=["a", "b"]).state("a")
    text: bytes = generate_latest(registry)
    sample = registry.get_sample_value("jobs_total", {"kind": "a"})
    if sample is not None:
        print(sample + 1)
    for family in registry.collect():
        for line in family.samples:
            print(line.name, line.labels["a"], line.value + 1, line.timestamp)
    server, thread = start_http_server(8000, addr="127.0.0.1", registry=registry)
    server.shutdown()
    thread.join()
    push_to_gateway(
        "localhost:9091", job="x", registry=registry, grouping_key={"a": "b"}, timeout=3
    )

    def handler(
        url: str, method: str, timeout: float | None, headers: list[tuple[str, str]], data: bytes
    ) -> Callable[[], None]:
        return basic_auth_handler(url, method, timeout, headers, data, "u", "p")

    push_to_gateway("localhost:9091", job="x", registry=registry, handler=handler)
    delete_from_gateway("localhost:9091", job="x", grouping_key=instance_ip_grouping_key())
    write_to_textfile("metrics.prom", registry)
    app = make_wsgi_app(registry)
    asgi = make_asgi_app(registry=registry)
    encoder, content_type = choose_encoder("text/plain")
    out: bytes = encoder(registry)
    only = registry.restricted_registry(["a"])
    generate_latest(only)
    wrapped: MetricWrapperBase = gauge
    MultiProcessCollector(registry)
    mark_process_dead(3)
    ProcessCollector(namespace="x", pid=lambda: 3, registry=registry)
    dataclay_metrics.exposition.generate_latest(registry)
    dataclay_metrics.registry.REGISTRY.unregister(GC_COLLECTOR)

    def takes(collector: Collector) -> None: ...

    takes(gauge)
    takes(registry)
    takes(Rooms())

    class Mine(Counter):
        """Overrides a method."""

        def inc(self, amount: float = 1, exemplar: dict[str, str] | None = None) -> None:
            super().inc(amount, exemplar)

    om_latest(registry)
    S2("a", {}, 1.0)
