"""Tests the responses with which a scrape endpoint serves the live page."""

import base64
import gzip
import hashlib
import re
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from served import serving
from servers import TIMEOUT, get

LARGEST = 12 * 1024  # bytes of the page in gzip


def fetched(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Returns status, headers and body of a response."""
    request = Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urlopen(request, timeout=TIMEOUT) as response:
            return response.status, dict(response.headers), response.read()
    except HTTPError as error:  # urllib raises a 304
        with error:
            return error.code, dict(error.headers), error.read()


def test_the_page_is_small_and_loads_nothing_else() -> None:
    with serving() as served:
        status, headers, html = fetched(served.url)
        assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
        assert headers["X-Content-Type-Options"] == "nosniff"
        parts = headers["Content-Security-Policy"].split("; ")
        policy = dict(part.split(" ", 1) for part in parts)
        assert (policy["default-src"], policy["connect-src"]) == ("'none'", "'self'")
        for tag in ("script", "style"):
            (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", html.decode(), re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            assert policy[f"{tag}-src"] == f"'sha256-{digest}'", f"change it in page.rs ({tag})"
        addresses = set(re.findall(rb"https?://[^'\" ]+", html))
        assert addresses == {b"http://www.w3.org/2000/svg"}  # browsers do not request this name

        status, headers, packed = fetched(served.url, Accept_Encoding="gzip")
        assert (status, headers["Content-Encoding"]) == (200, "gzip")
        assert len(packed) <= LARGEST and gzip.decompress(packed) == html
        print(f"{len(packed)} bytes in gzip, {len(html)} without")

        for known in (headers["ETag"], f'"x", {headers["ETag"]}', "*"):
            status, again, body = fetched(served.url, If_None_Match=known)
            assert (status, again["ETag"], body) == (304, headers["ETag"], b"")
        assert fetched(served.url, If_None_Match='W/"0"')[0] == 200


def test_a_scrape_response_has_nothing_of_the_page() -> None:
    with serving() as served:
        _, headers, body = fetched(f"{served.url}metrics", Accept="text/html")
        assert headers["Content-Type"].startswith("text/plain") and b"<html" not in body
        assert "Content-Security-Policy" not in headers and "ETag" not in headers
        assert get(f"{served.url}metrics") == body.decode()
