"""How metrics leave the process: scraped over HTTP, or pushed to a Pushgateway."""

import atexit
import os
import sys
from _thread import RLock

from . import _native
from ._native import REGISTRY, CollectorRegistry, HttpExporter, PushExporter, Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .identity import Identity

# Everything that runs is held until shutdown(), so that callers may drop what they were given. In
# a forked child the same objects export the child, under its own port or group.
_running: list[HttpExporter | PushExporter] = []
_configured: HttpExporter | PushExporter | None = None

# Seconds that the last push may take, and whether it deletes instead.
_last_push = 2.0
_delete_on_exit = False

# Where a process that is scraped leaves its last counts: gateway, job, identity.
_leave_at: "tuple[str, str, Identity] | None" = None

_hooked = False

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
            on_exit=environment.on_exit,
        )
    )


def start_http_server(
    port: int,
    addr: str = "0.0.0.0",
    registry: CollectorRegistry = REGISTRY,
    certfile: None = None,
    keyfile: None = None,
    client_cafile: None = None,
    client_capath: None = None,
    protocol: None = None,
    client_auth_required: bool = False,
    tls_min_version: None = None,
    tls_max_version: None = None,
) -> HttpExporter:
    """Serves ``registry`` over HTTP on a thread of its own, until its ``stop()`` or shutdown().

    Port 0 takes any free port; ``.port`` and ``.url`` tell which. Raises OSError if the address
    cannot be bound, and ValueError if an argument of prometheus_client's for TLS is given: rather
    than serve in the clear what was meant to be encrypted.
    """
    tls = (certfile, keyfile, client_cafile, client_capath, protocol, tls_min_version)
    for value in (*tls, tls_max_version, client_auth_required or None):
        if value is not None:
            raise ValueError(
                f"TLS argument {value!r}: TLS is not served here; listen on 127.0.0.1, and put a"
                " proxy before it that speaks TLS"
            )
    with _lock:
        _stop_threads_around_forks()
        exporter = HttpExporter(registry, addr, port)
        _keep(exporter)
        return exporter


def shutdown() -> None:
    """Pushes a last time and stops every exporter of this process, in bounded time.

    Runs by itself at interpreter exit. A second call does nothing.
    """
    global _configured, _leave_at
    with _lock:
        _configured = None
        last, _leave_at = _leave_at, None
        while _running:
            exporter = _running.pop()
            try:
                if isinstance(exporter, PushExporter):
                    exporter.stop(_last_push, delete=_delete_on_exit)
                else:
                    exporter.stop()
            except OSError as error:
                _log("warning", "what was counted since the last push is lost: %s", error)
        if last is not None:
            gateway, job, who = last
            try:
                _native.gateway_request("PUT", gateway, job, REGISTRY, who.labels(), _last_push)
            except OSError as error:
                _log("warning", "what was counted since the last scrape is lost: %s", error)


def start_as(
    settings: Settings, who: "Identity", last_push: float
) -> HttpExporter | PushExporter | None:
    """``start()`` with these settings, as ``who``; the last push may take ``last_push`` seconds."""
    global _last_push
    _last_push = last_push
    return _start(settings, who)


def leave_at(gateway: str, job: str, who: "Identity") -> None:
    """Has ``shutdown()`` push once to ``gateway``, for a process that ends before it is scraped.

    Raises ValueError if the gateway's address is not valid.
    """
    global _leave_at
    url = _native.group_url(gateway, job, who.labels())
    _leave_at = gateway, job, who
    _log("info", "leaving the last counts at %s", url)


def _start(settings: Settings, who: "Identity | None" = None) -> HttpExporter | PushExporter | None:
    global _configured, _delete_on_exit
    from . import identity

    with _lock:
        if _configured is not None or settings.exporter == "none":
            return _configured
        labels = (who or identity.of_process(settings.instance)).labels()
        _stop_threads_around_forks()
        exporter: HttpExporter | PushExporter
        if settings.exporter == "http":
            exporter = HttpExporter(REGISTRY, settings.host, settings.port, nearby=True)
            if exporter.port != settings.port != 0:
                message = "port %d is taken: serving metrics on port %d instead"
                _log("warning", message, settings.port, exporter.port)
            _log("info", "serving metrics at %s as %s", exporter.url, labels)
        else:
            _delete_on_exit = settings.on_exit == "delete"
            exporter = PushExporter(
                REGISTRY,
                settings.address,
                settings.job,
                labels,
                settings.push_interval,
            )
            _log("info", "pushing metrics to %s every %g s", exporter.url, settings.push_interval)
        _keep(exporter)
        _configured = exporter
        return exporter


def _keep(exporter: HttpExporter | PushExporter) -> None:
    _running.append(exporter)
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        _end_with_multiprocessing()


def _log(level: str, message: str, *values: object) -> None:
    import logging  # 10 ms: paid by those who export, not by those who import

    getattr(logging.getLogger("dataclay_metrics"), level)(message, *values)


def _stop_threads_around_forks() -> None:
    """Before the first exporter starts. The hooks are built-in functions, and come after those of
    logging: after_fork_in_parent() relies on no bytecode being run between it and os.fork()."""
    global _hooked
    if not _hooked:
        import logging  # noqa: F401

        _hooked = True
        os.register_at_fork(
            before=_native.before_fork, after_in_parent=_native.after_fork_in_parent
        )


def _in_child() -> None:
    global _lock
    _lock = RLock()  # the thread that held the old one may not exist here
    _native.after_fork_in_child()
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        # For a child of multiprocessing, which forgets its finalizers before it calls this.
        util.register_after_fork(shutdown, _end_with_multiprocessing)


def _end_with_multiprocessing(_: object = None) -> None:
    """In a child of multiprocessing, which ends without atexit: shutdown() as its last finalizer."""
    util = sys.modules["multiprocessing.util"]
    util.Finalize(None, shutdown, exitpriority=-100)


# Registered at import, so that it runs after the exit functions of the application, which may
# still count. The last registered runs first.
atexit.register(_native.close_to_threads)
atexit.register(shutdown)
os.register_at_fork(after_in_child=_in_child)
