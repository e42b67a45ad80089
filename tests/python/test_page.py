"""Tests the live page of the scrape endpoint in a real browser, and its bytes without one."""

import base64
import gzip
import hashlib
import re
import shutil
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from browser import PROGRAM, Page, browser
from served import NODE, UNUSED, Served, serving
from servers import get

LARGEST = 12 * 1024  # bytes of the page in gzip


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if shutil.which(PROGRAM) is None:
        pytest.skip("tests/servers.sh found no Chromium for this machine")
    with browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def page(chromium: Page) -> Iterator[Page]:
    """Provides the browser; fails if the page asked for more than itself, or complained."""
    chromium.requests.clear()
    chromium.complaints.clear()
    chromium.window(1280, 860)
    chromium.prefer(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    yield chromium
    asked = [url for url in chromium.requests if not url.startswith("data:")]
    assert asked and all(re.fullmatch(r"http://127\.0\.0\.1:\d+/(metrics)?", url) for url in asked)
    assert chromium.complaints == []
    chromium.run("localStorage.clear()")
    chromium.open("about:blank")


def opened(page: Page, served: Served) -> None:
    page.open(served.url)
    page.wait_for("document.querySelectorAll('#rows .row').length > 3")


def row(label: str) -> str:
    """Returns an expression: the texts of the cells of the row that starts with ``label``."""
    return (
        "[...document.querySelectorAll('#rows .row')].map(row => [...row.children]"
        f".map(cell => cell.innerText)).find(cells => cells[0].startsWith({label!r}))"
    )


def test_each_type_is_shown_with_its_values(page: Page) -> None:
    with serving() as served:
        opened(page, served)
        assert page.run("$('ratio').innerText") == "75.0%"
        cells = page.run(row("dataclay_inmemory_hits_total"))
        assert cells[0] == "dataclay_inmemory_hits_total\u2002counter\nNumber of inmemory hits"
        assert cells[5] == "300"
        # Prometheus' histogram_quantile(): linear within a bucket, never beyond the last bound.
        assert page.run(row("queue mail"))[1:6] == [
            "100\u202fms",
            "200\u202fms",
            "1\u202fs",
            "",
            "100",
        ]
        assert page.run(row("wait_seconds"))[1:4] == ["p50", "p90", "p99"]
        assert page.run(row("cache_bytes"))[5] == "3\u202fMiB"
        assert page.run(row("service_info"))[0].endswith("version 4.3.1\u2002·\u2002What runs")
        assert page.run(row("rows"))[5] == "4"
        odd = page.run(row("odd"))
        assert odd[0].startswith(
            'odd\u2002gauge\ntext <b>} # {"\\ ,=\u2002·\u2002Help with \\ and "'
        )
        assert odd[5] == "\N{EN DASH}"
        page.run("scrollTo(0, document.body.scrollHeight)")
        assert page.wait_for(row("method method_2"))[5] == "2"


def test_values_are_updated_unless_paused_or_hidden(page: Page) -> None:
    with serving() as served:
        opened(page, served)
        served.do("+ 5_000_000")
        cells = page.wait_for(
            f"(cells => cells[5] === '5,000,300' && cells)({row('dataclay_inmemory_hits_total')})"
        )
        assert re.fullmatch(r"[\d,]+/s", cells[6]) and len(cells[6]) > len("100,000/s")
        assert page.run("$('ratio').innerText") == "100.00%"
        assert page.run("document.title").startswith("100.00")
        line = "document.querySelectorAll('.ratio path')[1].getAttribute('d')"
        assert page.wait_for(line).startswith("M")

        page.run("$('pause').click()")
        assert page.run("$('status').innerText") == "paused"
        reads = page.run("read")
        served.do("+ 1")
        # A hidden page does not read either, whatever its button says.
        page.run("$('pause').click()")
        page.wait_for(f"read > {reads}")
        hide = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => %s});"
        event = "document.dispatchEvent(new Event('visibilitychange'))"
        page.run(hide % "true" + event)
        page.wait_for("!isReading")
        reads, number = page.run("[read, $('status').innerText]")
        assert number == "paused"
        page.run("new Promise(done => setTimeout(done, 1.3 * INTERVAL))")
        assert page.run("read") == reads
        page.run(hide % "false" + event)
        page.wait_for(f"read > {reads} && $('status').innerText === 'live'")
        assert page.run(row("dataclay_inmemory_hits_total"))[5] == "5,000,301"


def test_the_processes_of_a_node_are_listed_lowest_hit_ratio_first(page: Page) -> None:
    with serving(program=NODE) as served:
        opened(page, served)
        assert page.run("$('ratio').innerText") == "3.5%"
        page.wait_for("$('processes').innerText.includes('0/s')")
        lines = page.run("$('processes').innerText").split("\n\n")
        assert [line.split() for line in lines[:-1]] == [
            [f"node:{number}", f"{number}.0", "%", "0/s"] for number in range(6)
        ]
        assert lines[-1] == "The lowest 6 of 8 processes"


def test_the_cache_is_shown_after_the_first_use_of_dataclay(page: Page) -> None:
    stored = row("dataclay_stored_objects") + "[5]"
    with serving(program=UNUSED) as served:
        opened(page, served)
        assert page.run(stored) == "0"
        assert page.run("[$('cache').hidden, document.title]") == [True, served.address]
        # Records where the list is whenever it has moved.
        page.run(
            "window.places = []; window.look = writeCache; writeCache = () => { look();"
            " const { top } = $('list').getBoundingClientRect();"
            " if (top !== places.at(-1)) places.push(top); }"
        )
        page.wait_for("places.length === 1")
        served.do("1")
        page.wait_for("!$('cache').hidden")
        assert page.run("$('ratio').innerText") == "\N{EN DASH}"
        served.do("0")
        page.wait_for(f"{stored} === '0'")
        assert not page.run("$('cache').hidden")
        before, after = page.run("places")
        assert before < after


def test_the_page_names_a_lost_endpoint_and_reconnects(page: Page) -> None:
    with serving() as served:
        opened(page, served)
        served.do("close")
        page.wait_for("document.body.className === 'lost'")
        text = page.run("$('status').innerText")
        assert text == f"cannot read {served.address}: no connection"
        assert page.run("$('status').getAttribute('role')") == "status"
        served.do("open")
        page.wait_for("$('status').innerText === 'live'")
    # Chromium itself reports refused connections.
    assert page.complaints
    assert all("ERR_CONNECTION_REFUSED" in complaint for complaint in page.complaints)
    page.complaints.clear()


def test_keys_focus_and_clear_the_filter_and_fold_families(page: Page) -> None:
    with serving() as served:
        opened(page, served)
        page.press("/", "/")
        assert page.run("document.activeElement.id") == "filter"
        page.type("METHOD_1")
        assert page.run("$('count').innerText") == "1 of 12 series"
        assert page.run("document.querySelectorAll('#rows .row').length") == 2
        assert page.run("location.hash") == "#METHOD_1"
        page.type(" nothing")
        assert page.run("$('nothing').innerText") == "No series matches “METHOD_1 nothing”."
        page.press("Escape")
        assert page.run("$('count').innerText") == "12 series"
        page.run("$('filter').blur(); $('sort').value = 'value'; layout()")
        assert page.run("rows[0].child.family.name") == "cache_bytes"

        # From the top of the page to the first family that can be folded.
        page.run("scrollTo(0, 0); $('sort').value = 'exposed'; layout()")
        for _ in range(8):
            page.press("Tab")
            if page.run("document.activeElement.className") == "fold":
                break
        assert page.run("document.activeElement.innerText").startswith("calls_total")
        page.press("Enter", "\r")
        assert page.run("document.activeElement.getAttribute('aria-expanded')") == "false"
        assert page.run(row("method method_1")) is None
        page.press("Enter", "\r")
        assert page.run(row("method method_1"))


# The contrast of two colours, by WCAG 2.
CONTRAST = """
((a, b) => {
    const of = name => {
        const probe = document.body.appendChild(document.createElement('p'));
        probe.style.color = `var(--${name})`;
        const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3);
        probe.remove();
        const [r, g, b] = parts.map(part => part / 255)
            .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    };
    return Math.max(of(a) / of(b), of(b) / of(a));
})
"""


def test_both_themes_have_contrast_and_the_choice_is_kept(page: Page) -> None:
    page.prefer(prefers_color_scheme="dark", prefers_reduced_motion="reduce")
    background = "getComputedStyle(document.body).backgroundColor"
    with serving() as served:
        opened(page, served)
        dark = page.run(background)
        for theme in ("dark", "light"):
            for front in ("text", "soft", "accent", "warn"):
                for back in ("page", "card", "hover"):
                    contrast = page.run(f"{CONTRAST}({front!r}, {back!r})")
                    assert contrast >= 4.5, (theme, front, back, contrast)
            if theme == "dark":
                assert page.run("$('theme').innerText") == "Light"
                page.run("$('theme').click()")
        assert page.run(background) != dark
        opened(page, served)
        assert page.run(background) != dark  # it is remembered


# Elements that move by themselves: a transition or an animation that takes time.
MOVING = """
[...document.querySelectorAll('*')].filter(node => {
    const style = getComputedStyle(node);
    return [style.transitionDuration, style.animationDuration].join()
        .split(',').some(duration => parseFloat(duration) > 0);
}).length
"""


def test_reduced_motion_disables_every_animation(page: Page) -> None:
    with serving() as served:
        opened(page, served)
        assert page.run(MOVING) == 0
        page.prefer(prefers_color_scheme="light", prefers_reduced_motion="no-preference")
        assert page.run(MOVING) > 3


def test_a_phone_scrolls_only_vertically(page: Page) -> None:
    page.window(360, 740, 2, phone=True)
    with serving() as served:
        opened(page, served)
        assert page.run("document.documentElement.scrollWidth") == 360
        page.run("$('filter').value = 'wait'; layout()")
        name, *_, p99, _, value, _ = page.run(row("queue mail"))
        assert (name, p99, value) == ("queue mail", "p99 1\u202fs", "100")
        small = "[...document.querySelectorAll('button, input, select, header a')]"
        assert page.run(f"{small}.every(node => node.offsetHeight >= 24)")  # WCAG 2.2, 2.5.8
        served.do("close")
        page.wait_for("document.body.className === 'lost'")
        assert page.run("document.documentElement.scrollWidth") == 360
        page.complaints.clear()  # of a refused connection


# Scrolls on in each frame, and returns how many frames there were.
SCROLL = """
new Promise(done => {
    let frames = 0;
    const frame = () => {
        scrollBy(0, 37);
        if (++frames < 60) requestAnimationFrame(frame); else done(frames);
    };
    requestAnimationFrame(frame);
})
"""


def cost(page: Page, served: Served) -> float:
    """Returns the seconds on the processor that a frame takes while the page scrolls."""
    opened(page, served)
    page.call("Performance.disable")
    page.call("Performance.enable", timeDomain="threadTicks")  # others may use the machine

    def spent() -> float:
        metrics = page.call("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))

    times = []
    for _ in range(3):
        page.run("scrollTo(0, 400)")
        before = spent()
        frames = int(page.run(SCROLL))
        times.append((spent() - before) / frames)
    return min(times)


@pytest.mark.timed
def test_scrolling_stays_fast_with_ten_thousand_series(page: Page) -> None:
    with serving(200) as few:
        least = cost(page, few)
        page.open("about:blank")  # which reads no ended endpoint
    with serving(10_000) as many:
        most = cost(page, many)
        assert page.run("$('count').innerText") == "10,009 series"
        assert page.run("document.querySelectorAll('*').length") < 1500
        print(f"ms per frame: {1e3 * least:.2f} with 209 series, {1e3 * most:.2f} with 10,009")
        assert most < 3 * least
        page.run("scrollTo(0, document.body.scrollHeight)")
        assert page.wait_for(row("method method_9999"))[5] == "9,999"
        page.run("$('filter').value = 'method_77'; layout()")
        assert page.run("$('count').innerText") == "111 of 10,009 series"


def fetched(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    try:
        with urlopen(request, timeout=5) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except HTTPError as error:  # 304, for urllib
        with error as answer:
            return error.code, dict(answer.headers), answer.read()


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
        assert addresses == {b"http://www.w3.org/2000/svg"}  # a name, which no browser requests

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
