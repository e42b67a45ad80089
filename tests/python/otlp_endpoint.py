"""An OTLP endpoint that records requests, and sends the responses that a test chooses."""

import gzip
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import messages


class Response(NamedTuple):
    """A response. Without a status, the endpoint closes the connection instead."""

    status: int | None = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


class Endpoint:
    """Records requests. Sends `responses` in this order, and then accepts every request."""

    def __init__(self, *responses: Response) -> None:
        self.responses = list(responses)
        self.bodies: list[bytes] = []
        self.headers: list[Any] = []
        self.times: list[float] = []
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers["Content-Encoding"] == "gzip":
                    body = gzip.decompress(body)
                endpoint.times.append(time.monotonic())
                endpoint.headers.append(self.headers)
                endpoint.bodies.append(body)
                response = endpoint.responses.pop(0) if endpoint.responses else Response()
                if response.status is None:
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(response.status)
                for name, value in response.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1/metrics"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def points(self, name: str) -> list[Any]:
        """Returns the points of a sum in all requests, in the order of the requests."""
        return [
            point
            for body in self.bodies
            for metric in request_metrics(body)
            if metric.name == name
            for point in metric.sum.data_points
        ]


def request_metrics(body: bytes) -> list[Any]:
    (resource,) = messages.request(body).resource_metrics
    (scope,) = resource.scope_metrics
    assert scope.scope.name == "dataclay-metrics"
    return list(scope.metrics)


def attributes(pairs: Any) -> dict[str, str]:
    return {pair.key: pair.value.string_value for pair in pairs}
