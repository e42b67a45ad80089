"""Makes the response to a GET, according to its headers and query."""

from typing import NamedTuple

from .._native import CollectorRegistry, generate_latest, negotiate


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
    format, content_type, compress = negotiate(accept, accept_encoding)
    headers = [("Content-Type", content_type)]
    body = generate_latest(registry, format=format)
    if compress:
        import gzip

        body = gzip.compress(body)
        headers.append(("Content-Encoding", "gzip"))
    return Answer("200 OK", headers, body)
