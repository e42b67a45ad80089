"""Requests to a Pushgateway, and the handlers that can carry them out."""

from . import _native
from ._native import REGISTRY, CollectorRegistry, generate_latest

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Literal, Protocol

    Headers = list[tuple[str, str]]

    class Handler(Protocol):
        """What sends a request when the function that it returns is called."""

        def __call__(
            self, *, url: str, method: str, timeout: float | None, headers: Headers, data: bytes
        ) -> Callable[[], None]: ...


def push_to_gateway(
    gateway: str,
    job: str,
    registry: CollectorRegistry | None = REGISTRY,
    grouping_key: "dict[str, object] | None" = None,
    timeout: float | None = 30,
    handler: "Handler | None" = None,
    compression: "Literal['gzip'] | None" = None,
) -> None:
    """Replaces the group of ``job`` and ``grouping_key`` on ``gateway`` by what ``registry`` holds.

    ``gateway`` is ``host:port`` or a URL. ``timeout`` bounds the whole push, in seconds; None is
    an hour. Raises OSError if the gateway cannot be reached or refuses the push.

    A ``handler``, such as one that calls ``basic_auth_handler``, is given the request instead, as
    ``url``, ``method``, ``timeout``, ``headers`` and ``data``, and returns a function that sends it.
    """
    _request("PUT", gateway, job, registry, grouping_key, timeout, handler, compression)


def pushadd_to_gateway(
    gateway: str,
    job: str,
    registry: CollectorRegistry | None = REGISTRY,
    grouping_key: "dict[str, object] | None" = None,
    timeout: float | None = 30,
    handler: "Handler | None" = None,
    compression: "Literal['gzip'] | None" = None,
) -> None:
    """As push_to_gateway(), but leaves those families of the group that ``registry`` has not."""
    _request("POST", gateway, job, registry, grouping_key, timeout, handler, compression)


def delete_from_gateway(
    gateway: str,
    job: str,
    grouping_key: "dict[str, object] | None" = None,
    timeout: float | None = 30,
    handler: "Handler | None" = None,
) -> None:
    """Deletes the group of ``job`` and ``grouping_key`` from ``gateway``.

    A group that is not there is deleted with success. Otherwise as push_to_gateway().
    """
    _request("DELETE", gateway, job, None, grouping_key, timeout, handler, None)


def _request(
    method: str,
    gateway: str,
    job: str,
    registry: CollectorRegistry | None,
    grouping_key: "dict[str, object] | None",
    timeout: float | None,
    handler: "Handler | None",
    compression: str | None,
) -> None:
    labels = {str(name): str(value) for name, value in (grouping_key or {}).items()}
    if registry is None:
        registry = REGISTRY
    if handler is None and compression is None:
        limit = 3600.0 if timeout is None else timeout
        _native.gateway_request(method, gateway, job, registry, labels, limit)
        return
    headers = [("Content-Type", _native.CONTENT_TYPE_PLAIN_0_0_4)]
    data = b"" if method == "DELETE" else generate_latest(registry)
    if compression is not None:
        if compression != "gzip":
            raise ValueError(f"compression {compression!r}: must be 'gzip' or None")
        import gzip

        headers.append(("Content-Encoding", "gzip"))
        data = gzip.compress(data)
    base = gateway if gateway.startswith(("http://", "https://")) else f"http://{gateway}"
    url = base.rstrip("/") + _native.grouping_path(job, labels)
    send = handler or default_handler
    send(url=url, method=method, timeout=timeout, headers=headers, data=data)()


def default_handler(
    url: str, method: str, timeout: float | None, headers: "Headers", data: bytes
) -> "Callable[[], None]":
    """Sends the request over HTTP, or HTTPS with the system's certificates.

    ``timeout`` bounds each step on the network, in seconds. Follows no redirect, and takes no
    proxy from the environment.
    """
    return lambda: _send(url, method, timeout, headers, data, None)


def basic_auth_handler(
    url: str,
    method: str,
    timeout: float | None,
    headers: "Headers",
    data: bytes,
    username: str | None = None,
    password: str | None = None,
) -> "Callable[[], None]":
    """As default_handler(), with this user name and password if both are given."""
    from base64 import b64encode

    if username is not None and password is not None:
        token = b64encode(f"{username}:{password}".encode()).decode()
        headers = [*headers, ("Authorization", f"Basic {token}")]
    return default_handler(url, method, timeout, headers, data)


def tls_auth_handler(
    url: str,
    method: str,
    timeout: float | None,
    headers: "Headers",
    data: bytes,
    certfile: str,
    keyfile: str,
    cafile: str | None = None,
    protocol: "ssl._SSLMethod | None" = None,
    insecure_skip_verify: bool = False,
) -> "Callable[[], None]":
    """As default_handler(), over HTTPS with this certificate of the client's."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if protocol is None else protocol)
    if cafile is None:
        context.load_default_certs()
    else:
        context.load_verify_locations(cafile)
    if insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(certfile, keyfile)
    return lambda: _send(url, method, timeout, headers, data, context)


def _send(
    url: str,
    method: str,
    timeout: float | None,
    headers: "Headers",
    data: bytes,
    context: "ssl.SSLContext | None",
) -> None:
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from urllib.parse import urlsplit

    to = urlsplit(url)
    if not to.hostname:
        raise ValueError(f"gateway {url!r}: must name a host")
    connection = (
        HTTPSConnection(to.hostname, to.port, timeout=timeout, context=context)
        if to.scheme == "https"
        else HTTPConnection(to.hostname, to.port, timeout=timeout)
    )
    try:
        connection.request(method, to.path, data, dict(headers))
        answer = connection.getresponse()
        if answer.status not in (200, 202):
            reason = answer.read(512).decode(errors="replace").strip()
            raise OSError(f"push to {url} failed: {answer.status} {answer.reason}: {reason}")
    except HTTPException as error:
        raise OSError(f"push to {url} failed: {error!r}") from error
    except OSError as error:
        if url in str(error):
            raise
        raise OSError(f"push to {url} failed: {error}") from error
    finally:
        connection.close()


def instance_ip_grouping_key() -> "dict[str, object]":
    """A grouping key with the label ``instance``: the address that this host gives ``localhost``."""
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Connecting a datagram socket sends nothing: it only chooses the address.
        probe.connect(("localhost", 0))
        return {"instance": probe.getsockname()[0]}
