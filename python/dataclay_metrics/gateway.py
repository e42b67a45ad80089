"""Sends requests to a Pushgateway."""

from . import _native
from ._native import REGISTRY, CollectorRegistry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from .handlers import Handler


def push_to_gateway(
    gateway: str,
    job: str,
    registry: CollectorRegistry | None = REGISTRY,
    grouping_key: "dict[str, object] | None" = None,
    timeout: float | None = 30,
    handler: "Handler | None" = None,
    compression: "Literal['gzip', 'snappy'] | None" = None,
    *,
    format: "Literal['text', 'protobuf']" = "text",
) -> None:
    """Replaces the group of ``job`` and ``grouping_key`` by the metrics of ``registry``.

    ``gateway`` is ``host:port`` or a URL; https goes over the TLS of the interpreter.
    ``timeout`` limits the whole push, in seconds; over https, it limits each step. None means one
    hour.

    Raises urllib.error.URLError, an OSError, if the gateway cannot be reached, and HTTPError with
    its status in ``code`` if it refuses the push. Raises ValueError if the address is not valid.

    ``compression`` is ``"gzip"``, or ``"snappy"`` with python-snappy and a recent gateway.

    ``format`` is ``"text"`` or ``"protobuf"``. Protobuf carries the start times of counters,
    histograms and summaries through the gateway.

    If there is a ``handler``, it sends the request. It is called with ``url``, ``method``,
    ``timeout``, ``headers`` and ``data``, and returns a function that sends the request.
    ``basic_auth_handler`` helps to write one.
    """
    _request("PUT", gateway, job, registry, grouping_key, timeout, handler, compression, format)


def pushadd_to_gateway(
    gateway: str,
    job: str,
    registry: CollectorRegistry | None = REGISTRY,
    grouping_key: "dict[str, object] | None" = None,
    timeout: float | None = 30,
    handler: "Handler | None" = None,
    compression: "Literal['gzip', 'snappy'] | None" = None,
    *,
    format: "Literal['text', 'protobuf']" = "text",
) -> None:
    """Replaces only the families of the group that ``registry`` has.

    The arguments are those of push_to_gateway().
    """
    _request("POST", gateway, job, registry, grouping_key, timeout, handler, compression, format)


def delete_from_gateway(
    gateway: str,
    job: str,
    grouping_key: "dict[str, object] | None" = None,
    timeout: float | None = 30,
    handler: "Handler | None" = None,
) -> None:
    """Deletes the group of ``job`` and ``grouping_key`` from ``gateway``.

    Succeeds if there is no such group. In all other respects it works like push_to_gateway().
    """
    _request("DELETE", gateway, job, None, grouping_key, timeout, handler, None, "text")


def _request(
    method: str,
    gateway: str,
    job: str,
    registry: CollectorRegistry | None,
    grouping_key: "dict[str, object] | None",
    timeout: float | None,
    handler: "Handler | None",
    compression: str | None,
    format: "Literal['text', 'protobuf']",
) -> None:
    for name, given, kind in [
        ("gateway", gateway, str),
        ("grouping_key", grouping_key or {}, dict),
    ]:
        if not isinstance(given, kind):
            raise TypeError(f"{name} must be {kind.__name__}, not {type(given).__name__}")
    labels = {str(name): str(value) for name, value in (grouping_key or {}).items()}
    if registry is None:
        registry = REGISTRY
    scheme = gateway.partition("://")[0].lower() if "://" in gateway else None
    # Greenlets run meanwhile if Python sends the request.
    is_plain = handler is None and compression is None and scheme != "https"
    if is_plain and not _native.is_loop_thread():
        limit = 3600.0 if timeout is None else timeout
        _native.gateway_request(method, gateway, job, registry, labels, limit, format)
        return
    data = b"" if method == "DELETE" else _native.push_body(registry, format)
    headers = [("Content-Type", _native.content_type(format))]
    if compression is not None:
        from .client.compression import compressed

        headers.append(("Content-Encoding", compression))
        data = compressed(data, compression)
    base = gateway if scheme in ("http", "https") else f"http://{gateway}"
    url = base.rstrip("/") + _native.grouping_path(job, labels)
    if handler is None:
        from .handlers import default_handler

        handler = default_handler
    handler(url=url, method=method, timeout=timeout, headers=headers, data=data)()


def instance_ip_grouping_key() -> "dict[str, object]":
    """Returns a grouping key whose ``instance`` is the address of ``localhost`` on this host."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Connecting a datagram socket sends nothing, it only chooses the address.
        probe.connect(("localhost", 0))
        return {"instance": probe.getsockname()[0]}
