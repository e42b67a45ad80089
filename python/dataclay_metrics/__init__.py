"""Metrics for dataClay, counted in Rust, with the names of prometheus_client.

The five dataClay metrics are attributes of this module and registered in ``REGISTRY``:

======================================  =======  ==============================
``dataclay_inmemory_objects``           gauge    objects in memory
``dataclay_loaded_objects``             gauge    loaded objects
``dataclay_stored_objects``             gauge    stored objects
``dataclay_inmemory_misses_total``      counter  lookups that found no object
``dataclay_inmemory_hits_total``        counter  lookups that found their object
======================================  =======  ==============================

Your metrics are registered in ``REGISTRY`` too, or in another registry:

>>> from dataclay_metrics import CollectorRegistry, Counter, generate_latest
>>> registry = CollectorRegistry()
>>> jobs = Counter("jobs", "Jobs done", registry=registry)
>>> jobs.inc()
>>> jobs.inc(2)
>>> jobs.get()
3
>>> print(generate_latest(registry).decode(), end="")
# HELP jobs_total Jobs done
# TYPE jobs_total counter
jobs_total 3.0

``start()`` exports ``REGISTRY`` until ``shutdown()`` or the end of the process. The environment
variables DATACLAY_METRICS* configure the export. Importing this module starts no thread.
"""

from ._native import (
    CONTENT_TYPE_LATEST,
    CONTENT_TYPE_PLAIN_0_0_4,
    CONTENT_TYPE_PLAIN_1_0_0,
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    Summary,
    __version__,
    dataclay_inmemory_hits_total,
    dataclay_inmemory_misses_total,
    dataclay_inmemory_objects,
    dataclay_loaded_objects,
    dataclay_stored_objects,
    disable_created_metrics,
    enable_created_metrics,
    generate_latest,
)
from .compat import private as _private
from .export import set_metrics, shutdown, start, start_http_server

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Attributes of the package, as in prometheus_client.
    from . import asgi as asgi
    from . import context_managers as context_managers
    from . import core as core
    from . import exposition as exposition
    from . import gc_collector as gc_collector
    from . import metrics as metrics
    from . import metrics_core as metrics_core
    from . import openmetrics as openmetrics
    from . import platform_collector as platform_collector
    from . import process_collector as process_collector
    from . import registry as registry
    from . import samples as samples
    from . import utils as utils
    from .asgi import make_asgi_app
    from .client.families import Metric
    from .client.prometheus import prometheus_client_collector
    from .client.textfile import write_to_textfile
    from .client.wsgi import MetricsHandler
    from .dataclay import install
    from .exposition import make_wsgi_app
    from .gateway import (
        delete_from_gateway,
        instance_ip_grouping_key,
        push_to_gateway,
        pushadd_to_gateway,
    )
    from .otlp import OtlpExporter

_private.add()

start_wsgi_server = start_http_server

__all__ = [
    "CONTENT_TYPE_LATEST",
    "CONTENT_TYPE_PLAIN_0_0_4",
    "CONTENT_TYPE_PLAIN_1_0_0",
    "GC_COLLECTOR",
    "PLATFORM_COLLECTOR",
    "PROCESS_COLLECTOR",
    "REGISTRY",
    "CollectorRegistry",
    "Counter",
    "Enum",
    "GCCollector",
    "Gauge",
    "Histogram",
    "Info",
    "Metric",
    "MetricsHandler",
    "OtlpExporter",
    "PlatformCollector",
    "ProcessCollector",
    "Summary",
    "__version__",
    "dataclay_inmemory_hits_total",
    "dataclay_inmemory_misses_total",
    "dataclay_inmemory_objects",
    "dataclay_loaded_objects",
    "dataclay_stored_objects",
    "delete_from_gateway",
    "disable_created_metrics",
    "enable_created_metrics",
    "generate_latest",
    "install",
    "instance_ip_grouping_key",
    "make_asgi_app",
    "make_wsgi_app",
    "prometheus_client_collector",
    "push_to_gateway",
    "pushadd_to_gateway",
    "set_metrics",
    "shutdown",
    "start",
    "start_http_server",
    "start_wsgi_server",
    "write_to_textfile",
]

# The modules of names that are imported at their first use, so that importing this package stays
# fast.
_LAZY = {
    "Metric": "client.families",
    "MetricsHandler": "client.wsgi",
    "OtlpExporter": "otlp",
    "delete_from_gateway": "gateway",
    "install": "dataclay",
    "instance_ip_grouping_key": "gateway",
    "make_asgi_app": "asgi",
    "make_wsgi_app": "exposition",
    "prometheus_client_collector": "client.prometheus",
    "push_to_gateway": "gateway",
    "pushadd_to_gateway": "gateway",
    "write_to_textfile": "client.textfile",
}

# The modules that `import prometheus_client` also imports. Here they are imported at their first
# use.
_MODULES = {
    "asgi",
    "context_managers",
    "core",
    "decorator",
    "exposition",
    "gc_collector",
    "metrics",
    "metrics_core",
    "mmap_dict",
    "openmetrics",
    "platform_collector",
    "process_collector",
    "registry",
    "samples",
    "utils",
    "validation",
    "values",
}


if not TYPE_CHECKING:  # With this function, a type checker would accept every name.

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in _MODULES:
            return import_module(f".{name}", __name__)
        module = _LAZY.get(name)
        if module is None:
            from .client import missing

            raise missing.error(__name__, name)
        value: object = getattr(import_module(f".{module}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
