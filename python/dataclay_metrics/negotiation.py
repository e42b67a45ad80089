"""The answer to a GET, as the request's headers and query want it."""

from typing import NamedTuple

from ._native import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest


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
    headers = [("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)]
    body = generate_latest(registry)
    if accepts(accept_encoding, "gzip"):
        import gzip

        body = gzip.compress(body)
        headers.append(("Content-Encoding", "gzip"))
    return Answer("200 OK", headers, body)


def accepts(header: str, wanted: str) -> bool:
    """Whether a header of the form ``a;q=1, b`` names ``wanted`` without refusing it."""
    for item in header.split(","):
        name, *parameters = item.lower().replace(" ", "").split(";")
        if name == wanted:
            return not any(p in ("q=0", "q=0.0", "q=0.00", "q=0.000") for p in parameters)
    return False
