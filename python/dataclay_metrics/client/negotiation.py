"""Makes the response to a GET, according to its headers and query."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from .._native import CollectorRegistry, encode, generate_latest, negotiate


class Answer(NamedTuple):
    """An HTTP response."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def answer(
    registry: CollectorRegistry,
    accept: str,
    accept_encoding: str,
    query: dict[str, list[str]],
) -> Answer:
    """Returns the metrics of ``registry``, or those in ``name[]``, compressed if accepted."""
    if "name[]" in query:
        registry = registry.restricted_registry(query["name[]"])
    format, escaping, content_type, compress = negotiate(accept, accept_encoding)
    headers = [("Content-Type", content_type)]
    body = encode(registry, escaping, format)
    if compress:
        import gzip

        body = gzip.compress(body)
        headers.append(("Content-Encoding", "gzip"))
    return Answer("200 OK", headers, body)


def bake(
    registry: CollectorRegistry,
    accept_header: str | None,
    accept_encoding_header: str | None,
    params: dict[str, list[str]],
    disable_compression: bool,
) -> Answer:
    """Returns status, headers and body, like the function of that name in prometheus_client."""
    encoding = "" if disable_compression else accept_encoding_header or ""
    return answer(registry, accept_header or "", encoding, params)


def gzip_accepted(accept_encoding_header: str | None) -> bool:
    """Returns whether a response may be compressed with gzip."""
    return negotiate("", accept_encoding_header or "")[-1]


Encoder = Callable[[CollectorRegistry], bytes]


def choose_encoder(accept_header: str | None) -> tuple[Encoder, str]:
    """Returns the function that encodes the format which this header prefers, and its
    Content-Type."""
    format, escaping, content_type, _ = negotiate(accept_header or "", "")
    return partial(generate_latest, escaping=escaping, format=format), content_type
