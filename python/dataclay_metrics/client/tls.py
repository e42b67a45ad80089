"""Serves metrics over TLS, by the HTTP server and the TLS of the interpreter."""

import ssl
from collections.abc import Iterator
from contextlib import suppress
from http.server import ThreadingHTTPServer
from socket import AF_INET6
from socketserver import TCPServer
from threading import Thread
from typing import Any

from .wsgi import MetricsHandler

# Seconds that a client may take for each step.
_PATIENCE = 30.0


class TlsExporter(ThreadingHTTPServer):
    """Serves a registry over TLS until ``stop()``: an exporter like ``HttpExporter``.

    Each connection has its own thread, which also makes the handshake, so no client blocks another.
    The exporter serves only in the process that started it, not in forked children.
    """

    daemon_threads = True

    def __init__(self, addr: str, port: int, registry: Any, settings: ssl.SSLContext) -> None:
        if ":" in addr:
            self.address_family = AF_INET6
        self._settings = settings
        super().__init__((addr, port), MetricsHandler.factory(registry))
        self._thread = Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    def server_bind(self) -> None:
        """Binds the socket without a look-up of this host's name."""
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = self.host = str(host)
        self.port = self.server_port

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Makes the handshake, and responds. If a client fails, only its own connection ends."""
        request.settimeout(_PATIENCE)
        with suppress(OSError), self._settings.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    @property
    def url(self) -> str:
        """The URL of the metrics."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}/metrics"

    def stop(self) -> None:
        """Closes the socket and ends the thread. A second call does nothing."""
        if self._thread.is_alive():
            self.shutdown()
        self.server_close()

    def join(self, timeout: float | None = None) -> None:
        """Blocks until the exporter is stopped, or for ``timeout`` seconds."""
        self._thread.join(timeout)

    def is_alive(self) -> bool:
        """Returns whether the exporter is running."""
        return self._thread.is_alive()

    def __iter__(self) -> "Iterator[TlsExporter]":
        """Yields this exporter twice, for ``server, thread = start_http_server(...)``."""
        return iter((self, self))


def context(
    certfile: str,
    keyfile: str,
    client_auth_required: bool,
    client_cafile: str | None,
    client_capath: str | None,
    protocol: int | None,
    tls_min_version: ssl.TLSVersion | None,
    tls_max_version: ssl.TLSVersion | None,
) -> ssl.SSLContext:
    """Returns the TLS context for the arguments of start_http_server()."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if protocol is None else protocol)
    if client_cafile is not None or client_capath is not None:
        made.load_verify_locations(client_cafile, client_capath)
    else:
        made.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    if client_auth_required:
        made.verify_mode = ssl.CERT_REQUIRED
    made.load_cert_chain(certfile, keyfile)
    if tls_min_version is not None:
        made.minimum_version = tls_min_version
    if tls_max_version is not None:
        made.maximum_version = tls_max_version
    return made
