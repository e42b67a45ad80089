"""Tests the live page of a scrape endpoint in a real browser: its values, and its keys."""

import re

from browser import Page
from live_page import opened, row
from served import NODE, UNUSED, serving


def test_each_type_is_shown_with_its_values(page: Page) -> None:
    with serving() as served:
        opened(page, served)
        assert page.run("$('ratio').innerText") == "75.0%"
        cells = page.run(row("dataclay_inmemory_hits_total"))
        assert cells[0] == "dataclay_inmemory_hits_total\u2002counter\nNumber of inmemory hits"
        assert cells[5] == "300"
        # As histogram_quantile() of Prometheus: linear within a bucket, at most the last bound.
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
        # A hidden page does not read, although it is not paused.
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
        # Records the position of the list whenever it changes.
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
    # Chromium logs refused connections.
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

        # Tab moves the focus from the top of the page to the first family with a fold button.
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
