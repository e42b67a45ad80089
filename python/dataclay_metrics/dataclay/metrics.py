"""Replaces ``dataclay.utils.metrics``: the names that dataClay uses, and no others."""

import logging
import sys
from contextlib import suppress
from functools import wraps
from typing import Any

from .. import _native
from .._native import Settings
from ..export import exporters
from . import identity
from . import settings as dataclay_settings
from .live import LiveGauge, forget_when_stopped
from .lookups import Hits, count_lookups
from .stored import Stored

__all__ = [
    "dataclay_inmemory_hits_total",
    "dataclay_inmemory_misses_total",
    "dataclay_inmemory_objects",
    "dataclay_loaded_objects",
    "dataclay_stored_objects",
    "set_metrics",
]

dataclay_inmemory_objects = LiveGauge(_native.dataclay_inmemory_objects)
dataclay_loaded_objects = LiveGauge(_native.dataclay_loaded_objects)
dataclay_stored_objects = Stored()
dataclay_inmemory_hits_total = Hits()
dataclay_inmemory_misses_total = _native.dataclay_inmemory_misses_total

# Seconds that the last push may take if the gateway has not accepted an earlier one. So a client
# ends within a second of ``client.stop()``, and a service within two seconds of SIGTERM, whatever
# the gateway does.
_LAST_PUSH_LIMIT = 0.5


def attach() -> None:
    """Wraps functions of dataClay, whose modules are loaded before it imports its metrics."""
    runtime = sys.modules["dataclay.runtime"]
    count_lookups(runtime)
    forget_when_stopped(runtime, _forget)
    dataclay_stored_objects.follow(sys.modules["dataclay.data_manager"])


def set_metrics(host: str, port: int, exporter: str) -> None:
    """Exports the metrics of this process's role, according to dataClay's settings.

    It exports no ``python_*`` families, because they do not describe dataClay, and make pushes
    larger.

    Raises ValueError for a wrong setting. If the address cannot be bound, logs that, and dataClay
    runs without an exporter.
    """
    config = sys.modules["dataclay.config"].settings
    variables = dataclay_settings.variables(config, host, port, exporter)
    settings = Settings.from_variables(variables)
    gateway = variables.get(dataclay_settings.GATEWAY)
    role = identity.role(config)
    _native.keep_role_metrics(role)
    for collector in (_native.GC_COLLECTOR, _native.PLATFORM_COLLECTOR):
        with suppress(KeyError):  # the application unregistered it
            _native.REGISTRY.unregister(collector)

    def start(backend_id: object = None) -> None:
        own = identity.with_identity(config, settings, backend_id)
        try:
            own.request_segment()
        except ValueError as error:  # the application has counted before
            logging.getLogger("dataclay_metrics").warning(
                "counts of dataClay will not outlive this process: %s", error
            )
            alone = Settings.from_variables(variables | {"DATACLAY_METRICS_DIR": "none"})
            own = identity.with_identity(config, alone, backend_id)
        if role == "backend":  # the first count of a backend
            dataclay_stored_objects.read(config.storage_path)
        try:
            exporters.start(own, _LAST_PUSH_LIMIT)
        except OSError as error:
            logging.getLogger("dataclay_metrics").error("no metrics are exported: %s", error)
        if gateway and role == "client" and settings.exporter == "http":
            exporters.push_at_exit(gateway, own)

    if role == "backend":
        _with_backend_id(start)
    else:
        start()


def _with_backend_id(start: Any) -> None:
    """Calls ``start`` with the id of the backend, which dataClay reads or creates later."""
    backend_runtime = sys.modules["dataclay.runtime"].BackendRuntime
    init = backend_runtime.__init__

    @wraps(init)
    def start_and_init(self: Any, kv_host: str, kv_port: int, backend_id: Any) -> None:
        backend_runtime.__init__ = init
        start(backend_id)
        init(self, kv_host, kv_port, backend_id)

    backend_runtime.__init__ = start_and_init


def _forget(runtime: Any) -> None:
    dataclay_inmemory_objects.forget(runtime)
    dataclay_loaded_objects.forget(getattr(runtime, "data_manager", None))  # if it has started
