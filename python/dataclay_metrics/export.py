"""Exports metrics: serves scrapes over HTTP, pushes to a Pushgateway, or sends OTLP."""

import atexit
import os
import sys
from _thread import RLock

from . import _native
from ._native import REGISTRY, HttpExporter, LastPush, PushExporter, Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Any, TypeVar

    from ._native import _Collector
    from .client.tls import TlsExporter

    _Pushes = TypeVar("_Pushes", bound=PushExporter)

# Seconds that the last push of a process may take by default. The second value applies if the
# gateway has accepted an earlier push; it is long enough for a gateway with 5,000 groups.
_LAST_PUSH_LIMIT = 2.0
_LAST_PUSH_LIMIT_OF_KNOWN = 5.0


class _Exporters:
    """The exporters of this process, and their shutdown.

    Every running exporter is referenced until shutdown(), so callers may drop their reference. In a
    forked child the same objects export the child, under its own port or group.
    """

    def __init__(self) -> None:
        self._running: list[HttpExporter | PushExporter] = []
        self._configured: HttpExporter | PushExporter | None = None  # started by the settings
        self._last_push: LastPush | None = None
        self._limit = _LAST_PUSH_LIMIT
        self._chosen_limit: float | None = None  # DATACLAY_METRICS_LAST_PUSH_TIMEOUT
        self._delete = False
        self._has_fork_hooks = False
        # Reentrant: a signal handler may call shutdown() while its thread is inside start().
        self._lock = RLock()

    def start(
        self, settings: Settings, limit: float = _LAST_PUSH_LIMIT
    ) -> HttpExporter | PushExporter | None:
        """Starts the exporter that ``settings`` choose, unless an earlier call has started one.

        At exit its last push may take ``limit`` seconds, or longer if the gateway has accepted an
        earlier push. A variable of the settings replaces both.
        """
        with self._lock:
            if self._configured is not None:
                return self._configured
            if settings.exporter == "none":
                settings.request_segment()
                return None
            self._prepare()
            exporter = _native.start_exporter(REGISTRY, settings)
            if exporter is None:
                return None
            if isinstance(exporter, HttpExporter):
                listens = exporter.is_listening
                if listens and exporter.port != settings.port != 0:
                    message = "port %d is taken: serving metrics on port %d instead"
                    _log("warning", message, settings.port, exporter.port)
                what = "serving metrics" if listens else "another process serves these metrics"
                _log("info", "%s at %s as %s", what, exporter.url, settings.identity)
            else:
                interval = settings.push_interval
                _log("info", "pushing metrics to %s every %g s", exporter.url, interval)
            self._limit, self._delete = limit, settings.on_exit == "delete"
            self._chosen_limit = settings.last_push_timeout
            self._keep(exporter)
            self._configured = exporter
            return exporter

    def serve(self, registry: "_Collector", host: str, port: int) -> HttpExporter:
        """Starts a scrape endpoint for any registry."""
        with self._lock:
            self._prepare()
            exporter = HttpExporter(registry, host, port)
            self._keep(exporter)
            return exporter

    def keep(self, start: "Callable[[], _Pushes]") -> "_Pushes":
        """Starts an exporter that pushes."""
        with self._lock:
            self._prepare()
            exporter = start()
            self._keep(exporter)
            return exporter

    def push_at_exit(self, gateway: str, settings: Settings) -> None:
        """Makes shutdown() push once, for a process that may end before it is scraped.

        Raises ValueError if the address of the gateway is not valid.
        """
        self._last_push = LastPush(gateway, settings)
        _log("info", "the last counts will be pushed to %s", self._last_push.url)

    def shutdown(self) -> None:
        """Stops every exporter. A failed push is logged."""
        from functools import partial

        with self._lock:
            self._configured = None
            last, self._last_push = self._last_push, None
            while self._running:
                exporter = self._running.pop()
                try:
                    if isinstance(exporter, PushExporter):
                        limit = self._limit_of(exporter.has_pushed)
                        _aside(partial(exporter.stop, limit, delete=self._delete))
                    else:
                        _aside(exporter.stop)
                except OSError as error:
                    _log_failed(error)
            if last is not None:
                try:
                    _aside(lambda: last.push(REGISTRY, self._limit_of(False)))
                except OSError as error:
                    _log_failed(error)

    def _limit_of(self, has_pushed: bool) -> float:
        """Returns the seconds that the last push may take."""
        if self._chosen_limit is not None:
            return self._chosen_limit
        return max(self._limit, _LAST_PUSH_LIMIT_OF_KNOWN) if has_pushed else self._limit

    def after_fork_in_child(self) -> None:
        """Replaces the lock, because the thread that held it may not exist in the child."""
        self._lock = RLock()

    def _prepare(self) -> None:
        """Stops the exporters' threads around forks, from the first exporter on.

        They call functions on the loop of gevent or eventlet, if there is one.

        The hooks are built-in functions and run after those of logging: after_fork_in_parent()
        needs no bytecode between itself and os.fork().
        """
        _native.follow_loop()
        if not self._has_fork_hooks:
            import logging  # noqa: F401

            self._has_fork_hooks = True
            os.register_at_fork(
                before=_native.before_fork, after_in_parent=_native.after_fork_in_parent
            )

    def _keep(self, exporter: HttpExporter | PushExporter) -> None:
        self._running.append(exporter)
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            __import__("multiprocessing.util")
            _end_with(sys.modules["multiprocessing.util"])


exporters = _Exporters()


def start() -> HttpExporter | PushExporter | None:
    """Exports ``REGISTRY`` as the environment variables DATACLAY_METRICS* configure it.

    Returns the running exporter, or None if DATACLAY_METRICS is false or the exporter is
    ``none``. A second call in the same process returns the exporter that already runs.

    Raises ValueError for a wrong variable, before any thread starts, and OSError if the HTTP
    exporter cannot listen.
    """
    settings = Settings.from_env()
    if settings.enabled is False:
        return None
    return exporters.start(settings)


def set_metrics(host: str, port: int, exporter: str) -> HttpExporter | PushExporter | None:
    """Exports ``REGISTRY`` by ``exporter``: ``http``, ``pushgateway``, ``otlp`` or ``none``.

    The signature is dataClay's. ``host`` and ``port`` are the address to listen on, or the address
    of the Pushgateway or the OTLP endpoint. The push interval and the identity come from the
    environment. Returns and raises as start() does.
    """
    for name, text in (("host", host), ("exporter", exporter)):
        if not isinstance(text, str):
            raise TypeError(f"{name} must be str, not {type(text).__name__}")
    given = {
        "DATACLAY_METRICS": "true",
        "DATACLAY_METRICS_HOST": host,
        "DATACLAY_METRICS_PORT": str(port),
        "DATACLAY_METRICS_EXPORTER": exporter,
    }
    return exporters.start(Settings.from_variables(dict(os.environ) | given))


def start_http_server(
    port: int,
    addr: str = "0.0.0.0",
    registry: "_Collector" = REGISTRY,
    certfile: str | None = None,
    keyfile: str | None = None,
    client_cafile: str | None = None,
    client_capath: str | None = None,
    protocol: int | None = None,
    client_auth_required: bool = False,
    tls_min_version: "ssl.TLSVersion | None" = None,
    tls_max_version: "ssl.TLSVersion | None" = None,
) -> "HttpExporter | TlsExporter":
    """Serves ``registry`` over HTTP, on a new thread, until its ``stop()`` or shutdown().

    ``registry`` may be any object with a method ``collect()``, such as a registry of
    prometheus_client.

    Port 0 listens on any free port, which ``.port`` and ``.url`` show. Raises OSError if the
    address cannot be bound.

    With ``certfile`` and ``keyfile`` the interpreter serves over TLS, instead of Rust. Raises
    ValueError for other TLS arguments without these two, so that nothing is served unencrypted by
    mistake.
    """
    of_tls = (client_cafile, client_capath, protocol, tls_min_version, tls_max_version)
    if certfile is not None and keyfile is not None:
        from .client.tls import TlsExporter, context

        settings = context(certfile, keyfile, client_auth_required, *of_tls)
        return TlsExporter(addr, port, registry, settings)
    for value in (certfile, keyfile, *of_tls, client_auth_required or None):
        if value is not None:
            raise ValueError(f"TLS argument {value!r}: needs certfile and keyfile, both")
    return exporters.serve(registry, addr, port)


def shutdown() -> None:
    """Makes the last pushes and stops every exporter of this process, in bounded time.

    Runs automatically at interpreter exit. A second call does nothing.
    """
    exporters.shutdown()


def _aside(function: "Callable[[], None]") -> None:
    """Calls a function that may wait for functions of the application, which may run on a loop."""
    if _native.is_loop_thread():
        from .client import green

        green.aside(function)
    else:
        function()


def _log_failed(error: OSError) -> None:
    """Logs that the last push failed. If the server may have accepted the push, the line does not
    call it lost."""
    if getattr(error, "is_unanswered", False):
        what = "the last push is not confirmed"
    else:
        what = "counts since the last push are lost, unless they are in a segment"
    _log("warning", f"{what}: %s", error)


def _log(level: str, message: str, *values: object) -> None:
    import logging  # takes 10 ms, which only programs that export should pay

    getattr(logging.getLogger("dataclay_metrics"), level)(message, *values)


# Packages whose processes run the finalizers of their module util, and end by os._exit(). Celery's
# workers run in billiard, which uses the finalizers of multiprocessing.
_PROCESSES = {
    "multiprocessing.process": "multiprocessing.util",
    "billiard.process": "multiprocessing.util",
    "multiprocess.process": "multiprocess.util",
}


def _in_child() -> None:
    exporters.after_fork_in_child()
    _follow_loop_in_child()
    _native.after_fork_in_child()
    for name in {util for process, util in _PROCESSES.items() if process in sys.modules}:
        __import__(name)
        util = sys.modules[name]
        # A child forgets its finalizers before it calls this.
        util.register_after_fork(shutdown, lambda _, util=util: _end_with(util))
    if "billiard.pool" in sys.modules:
        _shut_down_before_os_exit()


def _follow_loop_in_child() -> None:
    if f"{__package__}.client.green" in sys.modules:
        _native.follow_loop()


def _end_with(util: "Any") -> None:
    """Makes shutdown() the last finalizer, because such a child does not run atexit functions."""
    util.Finalize(None, shutdown, exitpriority=-100)


def _shut_down_before_os_exit() -> None:
    """Makes os._exit() of this child push first, because a worker of billiard's pool runs no
    finalizer."""
    exit_now, pid = os._exit, os.getpid()

    def exit_after_shutdown(status: int) -> None:
        if os.getpid() == pid:
            try:
                shutdown()
            finally:
                exit_now(status)
        exit_now(status)

    os._exit = exit_after_shutdown  # type: ignore[assignment]


# The last registered function runs first. These are registered at import, so they run after the
# exit functions of the application, which may still count.
atexit.register(_native.close_to_threads)
atexit.register(shutdown)
os.register_at_fork(after_in_child=_in_child)
