"""Metrics for dataClay, counted in Rust, with the names of prometheus_client.

The five dataClay metrics are attributes of this module and registered in ``REGISTRY``:

======================================  =======  ==============================
``dataclay_inmemory_objects``           gauge    objects in memory
``dataclay_loaded_objects``             gauge    loaded objects
``dataclay_stored_objects``             gauge    stored objects
``dataclay_inmemory_misses_total``      counter  lookups that found no object
``dataclay_inmemory_hits_total``        counter  lookups that found their object
======================================  =======  ==============================

Metrics of your own live beside them, or in a registry of their own:

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
jobs_total 3

``start()`` exports ``REGISTRY`` as the DATACLAY_METRICS* variables say, until ``shutdown()`` or
the end of the process. Importing this module starts no thread.
"""

from ._native import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    __version__,
    dataclay_inmemory_hits_total,
    dataclay_inmemory_misses_total,
    dataclay_inmemory_objects,
    dataclay_loaded_objects,
    dataclay_stored_objects,
)
from .dataclay import install
from .export import (
    generate_latest,
    push_to_gateway,
    set_metrics,
    shutdown,
    start,
    start_http_server,
)
from .prometheus import prometheus_client_collector

__all__ = [
    "CONTENT_TYPE_LATEST",
    "REGISTRY",
    "CollectorRegistry",
    "Counter",
    "Gauge",
    "__version__",
    "dataclay_inmemory_hits_total",
    "dataclay_inmemory_misses_total",
    "dataclay_inmemory_objects",
    "dataclay_loaded_objects",
    "dataclay_stored_objects",
    "generate_latest",
    "install",
    "prometheus_client_collector",
    "push_to_gateway",
    "set_metrics",
    "shutdown",
    "start",
    "start_http_server",
]
