"""How metrics leave the process: scraped over HTTP, or pushed to a Pushgateway."""

import atexit
import os
from _thread import RLock

from . import _native
from ._native import REGISTRY, CollectorRegistry, HttpExporter, PushExporter, Settings

# Keyed by process id: a forked child inherits both, but not the threads behind them. Everything
# that runs is held until shutdown(), so that callers may drop what they were given.
_running: dict[int, list[HttpExporter | PushExporter]] = {}
_configured: dict[int, HttpExporter | PushExporter] = {}

# Reentrant, because a signal handler may call shutdown() while its thread is inside start().
_lock = RLock()


def start() -> HttpExporter | PushExporter | None:
    """Exports ``REGISTRY`` as the DATACLAY_METRICS* environment variables say.

    Returns the running exporter, or None if DATACLAY_METRICS is false or the exporter is
    ``none``. A second call in the same process returns the exporter that already runs.

    Raises ValueError for a wrong variable, before any thread starts, and OSError if the HTTP
    exporter cannot listen.
    """
    settings = Settings.from_env()
    if settings.enabled is False:
        return None
    return _start(settings)


def set_metrics(host: str, port: int, exporter: str) -> HttpExporter | PushExporter | None:
    """Exports ``REGISTRY`` by ``exporter``: ``http``, ``pushgateway`` or ``none``.

    dataClay's signature. ``host`` and ``port`` are where to listen, or where the Pushgateway is;
    the push interval and the identity come from the environment. Returns and raises as start().
    """
    environment = Settings.from_env()
    return _start(
        Settings(
            host=host,
            port=port,
            exporter=exporter,
            push_interval=environment.push_interval,
            job=environment.job,
            instance=environment.instance,
        )
    )


def generate_latest(registry: CollectorRegistry = REGISTRY) -> bytes:
    """The metrics of ``registry`` in the Prometheus text format 0.0.4."""
    return _native.generate_latest(registry)


def start_http_server(
    port: int, addr: str = "0.0.0.0", registry: CollectorRegistry = REGISTRY
) -> HttpExporter:
    """Serves ``registry`` over HTTP on a thread of its own, until its ``stop()`` or shutdown().

    Port 0 takes any free port; ``.port`` and ``.url`` tell which. Raises OSError if the address
    cannot be bound.
    """
    with _lock:
        exporter = HttpExporter(registry, addr, port)
        _running.setdefault(os.getpid(), []).append(exporter)
        return exporter


def shutdown() -> None:
    """Pushes a last time and stops every exporter of this process, in bounded time.

    Runs by itself at interpreter exit. A second call does nothing.
    """
    with _lock:
        pid = os.getpid()
        _configured.pop(pid, None)
        for exporter in _running.pop(pid, ()):
            try:
                exporter.stop()
            except OSError as error:
                _log("warning", "what was counted since the last push is lost: %s", error)


def _start(settings: Settings) -> HttpExporter | PushExporter | None:
    with _lock:
        pid = os.getpid()
        if pid in _configured or settings.exporter == "none":
            return _configured.get(pid)
        exporter: HttpExporter | PushExporter
        if settings.exporter == "http":
            exporter = start_http_server(settings.port, settings.host)
            _log("info", "serving metrics at %s", exporter.url)
        else:
            # One group per process: a push replaces its whole group, so a shared one would hold
            # only what the last process pushed.
            instance = settings.instance or f"{os.uname().nodename}:{pid}"
            exporter = PushExporter(
                REGISTRY,
                settings.address,
                settings.job,
                {"instance": instance},
                settings.push_interval,
            )
            _running.setdefault(pid, []).append(exporter)
            _log("info", "pushing metrics to %s every %g s", exporter.url, settings.push_interval)
        _configured[pid] = exporter
        return exporter


def _log(level: str, message: str, *values: object) -> None:
    import logging  # 10 ms: paid by those who export, not by those who import

    getattr(logging.getLogger("dataclay_metrics"), level)(message, *values)


def _renew_lock() -> None:
    """In a forked child: the thread that held the lock may not exist here."""
    global _lock
    _lock = RLock()


# Registered at import, so that it runs after the exit functions of the application, which may
# still count.
atexit.register(shutdown)
os.register_at_fork(after_in_child=_renew_lock)
