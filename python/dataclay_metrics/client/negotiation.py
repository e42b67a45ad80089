"""The answer to a GET, as the request's headers and query want it."""

from typing import NamedTuple

from .._native import CollectorRegistry, generate_latest, negotiate


class Answer(NamedTuple):
    """An HTTP answer."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes


def answer(
    registry: CollectorRegistry,
    accept: str,
    accept_encoding: str,
    query: dict[str, list[str]],
) -> Answer:
    """What ``registry`` holds, restricted to the names of ``name[]``, compressed if accepted."""
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
