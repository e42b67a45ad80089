"""A registry as a WSGI application, and as a handler of http.server."""

from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from .._native import REGISTRY, CollectorRegistry
from .negotiation import Answer, answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def application(
    registry: CollectorRegistry,
    disable_compression: bool,
    bake: "Callable[..., Answer]",
) -> "WSGIApplication":
    """Returns the application of make_wsgi_app(). ``bake`` makes the response to a GET."""

    def respond(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        method = environ["REQUEST_METHOD"]
        allow = [("Allow", "OPTIONS,GET")]
        if method == "OPTIONS":
            made = Answer("200 OK", allow, b"")
        elif method != "GET":
            text = f"# HTTP 405 Method Not Allowed: {method}; use OPTIONS or GET\n"
            made = Answer("405 Method Not Allowed", allow, text.encode())
        elif environ["PATH_INFO"] == "/favicon.ico":
            made = Answer("200 OK", [], b"")
        else:
            made = bake(
                registry,
                environ.get("HTTP_ACCEPT", ""),
                environ.get("HTTP_ACCEPT_ENCODING", ""),
                parse_qs(environ.get("QUERY_STRING", "")),
                disable_compression,
            )
        start_response(made.status, made.headers)
        return [made.body]

    return respond


class MetricsHandler(BaseHTTPRequestHandler):
    """A handler for any http.server, which responds to GET with the metrics of ``registry``."""

    registry: CollectorRegistry = REGISTRY

    def do_GET(self) -> None:
        """Responds to a GET at any path."""
        made = answer(
            self.registry,
            self.headers.get("Accept", ""),
            self.headers.get("Accept-Encoding", ""),
            parse_qs(urlsplit(self.path).query),
        )
        self.send_response(200)
        for name, value in [*made.headers, ("Content-Length", str(len(made.body)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(made.body)

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""

    @classmethod
    def factory(cls, registry: CollectorRegistry) -> "type[MetricsHandler]":
        """Returns the same handler for another registry."""
        return type(cls.__name__, (cls,), {"registry": registry})
