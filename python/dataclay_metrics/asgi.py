"""A registry as an ASGI application."""

from urllib.parse import parse_qs

from ._native import REGISTRY, CollectorRegistry
from .client.negotiation import answer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Application = Callable[[Message, Receive, Send], Awaitable[None]]


def make_asgi_app(
    registry: CollectorRegistry = REGISTRY, disable_compression: bool = False
) -> "Application":
    """Returns an ASGI application that responds like the WSGI application of make_wsgi_app()."""

    async def application(scope: "Message", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":
            raise ValueError(f"scope type {scope['type']!r}: this application speaks only http")

        def header(wanted: bytes) -> str:
            values = [value for name, value in scope["headers"] if name.lower() == wanted]
            return b",".join(values).decode("latin-1")

        made = answer(
            registry,
            header(b"accept"),
            "" if disable_compression else header(b"accept-encoding"),
            parse_qs(scope.get("query_string", b"").decode("latin-1")),
        )
        if (await receive())["type"] != "http.request":
            return
        headers = [(name.encode(), value.encode()) for name, value in made.headers]
        status = int(made.status.split()[0])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": made.body})

    return application
