"""Handlers, which send the requests of ``push_to_gateway()`` to a Pushgateway."""

from ._native import one_line, without_secrets

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Protocol

    Headers = list[tuple[str, str]]

    class Handler(Protocol):
        """Returns a function that sends a request when it is called."""

        def __call__(
            self, *, url: str, method: str, timeout: float | None, headers: Headers, data: bytes
        ) -> Callable[[], None]: ...


def default_handler(
    url: str, method: str, timeout: float | None, headers: "Headers", data: bytes
) -> "Callable[[], None]":
    """Sends the request over HTTP, or over HTTPS with the certificates of the system.

    ``timeout`` limits each network operation, in seconds. Follows no redirect, and ignores the
    proxy variables of the environment.
    """
    return lambda: _send(url, method, timeout, headers, data, None)


def passthrough_redirect_handler(
    url: str, method: str, timeout: float | None, headers: "Headers", data: bytes
) -> "Callable[[], None]":
    """Sends the request like default_handler(), and repeats it at the address of a redirect.

    Use it only if you trust the address that a gateway redirects to. At most ten are followed.
    """
    return lambda: _send(url, method, timeout, headers, data, None, redirects=10)


def basic_auth_handler(
    url: str,
    method: str,
    timeout: float | None,
    headers: "Headers",
    data: bytes,
    username: str | None = None,
    password: str | None = None,
) -> "Callable[[], None]":
    """Sends the request like default_handler(), with user name and password if both are set."""
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
    """Sends the request like default_handler(), over HTTPS with this client certificate."""
    from .client.secure import context

    settings = context(cafile, certfile, keyfile, protocol, insecure_skip_verify)
    return lambda: _send(url, method, timeout, headers, data, settings)


def _send(
    url: str,
    method: str,
    timeout: float | None,
    headers: "Headers",
    data: bytes,
    context: "ssl.SSLContext | None",
    redirects: int = 0,
) -> None:
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from urllib.parse import urljoin, urlsplit

    from .client.errors import failed

    # A label of the group may be written as `name@base64/value`; no other @ is part of a URL here.
    address, metrics, group = url.partition("/metrics/")
    plain = address + metrics + group.replace("@base64/", "/")
    if any(mark in plain for mark in "@?#"):
        shown = without_secrets(plain)
        raise ValueError(f"gateway {shown!r}: must not contain credentials or a query")
    to = urlsplit(url)
    if not to.hostname:
        raise ValueError(f"gateway {url!r}: must name a host")
    try:
        port = to.port
    except ValueError:
        raise ValueError(f"gateway {url!r}: port must be 0 to 65535") from None
    connection = (
        HTTPSConnection(to.hostname, port, timeout=timeout, context=context)
        if to.scheme == "https"
        else HTTPConnection(to.hostname, port, timeout=timeout)
    )
    try:
        connection.request(method, to.path, data, dict(headers))
        answer = connection.getresponse()
        refused = not 200 <= answer.status < 300
        location = answer.getheader("Location")
        body = answer.read(512) if refused else b""
    except (OSError, HTTPException) as error:
        # The text of an HTTPException does not describe the failure without its class.
        reason = repr(error) if isinstance(error, HTTPException) else error
        message = one_line(f"push to {url} failed: {reason}")
        raise failed(url, None, message) from error
    finally:
        connection.close()
    if answer.status in (301, 302, 303, 307, 308) and location and redirects:
        to_next = urljoin(url, location)
        return _send(to_next, method, timeout, headers, data, context, redirects - 1)
    if refused:
        reason = body.decode(errors="replace").strip().replace("\n", " ")
        text = f"push to {url} failed: {answer.status} {answer.reason}: {reason}"
        raise failed(url, answer.status, one_line(text))
