"""A program with names of prometheus_client that typed_program.py does not use, for type checkers.

Nothing runs it. pyright, which is not part of the checks, also accepts it.
"""

from http.server import HTTPServer

from dataclay_metrics import (
    CONTENT_TYPE_LATEST,
    CONTENT_TYPE_PLAIN_0_0_4,
    CONTENT_TYPE_PLAIN_1_0_0,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    MetricsHandler,
    OtlpExporter,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    enable_created_metrics,
    pushadd_to_gateway,
    start_wsgi_server,
    utils,
)
from dataclay_metrics.context_managers import ExceptionCounter, InprogressTracker, Timer
from dataclay_metrics.core import (
    BucketSpan,
    DuplicateTimeseries,
    NativeHistogram,
    UnknownMetricFamily,
    UntypedMetricFamily,
)
from dataclay_metrics.exposition import (
    default_handler,
    gzip_accepted,
    passthrough_redirect_handler,
    tls_auth_handler,
)
from dataclay_metrics.metrics_core import METRIC_TYPES
from dataclay_metrics.openmetrics import exposition as openmetrics
from dataclay_metrics.validation import (
    disable_legacy_validation,
    enable_legacy_validation,
    get_legacy_validation,
)

types: tuple[str, str, str] = (
    CONTENT_TYPE_LATEST,
    CONTENT_TYPE_PLAIN_0_0_4,
    CONTENT_TYPE_PLAIN_1_0_0,
)
registry = CollectorRegistry()
registry.unregister(PLATFORM_COLLECTOR)
registry.unregister(PROCESS_COLLECTOR)
GCCollector(registry=registry)
PlatformCollector(registry=registry)
ProcessCollector(registry=registry)
HTTPServer(("", 0), MetricsHandler.factory(registry))
disable_created_metrics()
enable_created_metrics()


class Labelled(Counter):
    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: tuple[str, ...] = (),
        registry: CollectorRegistry | None = None,
        _labelvalues: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__(
            name, documentation, labelnames, "", "", "", registry, _labelvalues=_labelvalues
        )


def handler(url: str, user: str) -> None:
    pushadd_to_gateway("localhost:9091", "job", registry, {"instance": "a"}, 3, default_handler)
    pushadd_to_gateway("localhost:9091", "job", registry, handler=passthrough_redirect_handler)
    tls_auth_handler(url, "PUT", 3.0, [("a", "b")], b"", "cert", "key")
    if gzip_accepted("gzip"):
        start_wsgi_server(8000, registry=registry)


family: UnknownMetricFamily = UntypedMetricFamily("a", "b", value=1)
span: BucketSpan = BucketSpan(1, 2)
native = NativeHistogram(1, 2, 3, 0.1, 4, (span,), None, (1,), None)
kinds: tuple[str, ...] = METRIC_TYPES
text: str = utils.floatToGoString(1.5)
infinity: float = utils.INF
openmetrics.escape_metric_name("a.b")
openmetrics.escape_label_name("a.b", openmetrics.DOTS)
body: bytes = openmetrics.generate_latest(registry, openmetrics.UNDERSCORES)
try:
    registry.register(Counter("a", "b"))
except DuplicateTimeseries as error:
    names: set[str] = set(error.duplicates)
enable_legacy_validation()
disable_legacy_validation()
legacy: bool = get_legacy_validation()
timer: Timer = Histogram("h", "H").time()
tracker: InprogressTracker = Gauge("g", "G").track_inprogress()
errors: ExceptionCounter = Counter("c", "C").count_exceptions((ValueError, OSError))
with timer as running, tracker, errors:
    running.labels("a")
OtlpExporter("http://localhost:4318/v1/metrics", registry=registry).stop()
