"""Tests the command ``dataclay-metrics top``, on a terminal and without one."""

import math
import os
import pty
import re
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import interpreter
import pytest
from dataclay_metrics.commands.top.reading import Child, parse, quantile, risen, since
from prometheus_client.parser import text_string_to_metric_families
from served import NODE, UNUSED, Served, serving
from servers import TIMEOUT, free_port

TOP = ("-m", "dataclay_metrics", "top")
GOLDEN = Path(__file__).parents[1] / "golden"


def test_once_prints_each_type_and_the_hit_ratio() -> None:
    with serving() as served:
        ended = interpreter.run(*TOP, served.address, "--once", "--interval", "0.2")
    assert (ended.status, ended.stderr) == (0, "")
    first, ratio, objects, empty, heading, *rows = ended.stdout.splitlines()
    assert first == served.address and empty == ""
    assert ratio == "hit ratio - (75.0% since the start)   lookups 0/s"
    assert objects == "objects   in memory 0"
    assert heading.split() == ["METRIC", "VALUE", "PER", "SECOND", "PERCENTILES"]
    cells = {cells[0]: cells[1:] for cells in (re.split(r"  +", row) for row in rows)}
    assert cells["dataclay_inmemory_hits_total"] == ["300", "0/s"]
    assert cells['wait_seconds{queue="mail"}'] == [
        "100",
        "0/s",
        "p50 100 ms",
        "p90 200 ms",
        "p99 1 s",
    ]
    assert cells["cache_bytes"] == ["3 MiB"]
    assert cells['service_info{version="4.3.1"}'] == []
    assert cells["rows"] == ["4", "0/s"]
    assert cells['calls_total{method="method_2"}'] == ["2", "0/s"]


def test_the_processes_of_a_node_are_listed() -> None:
    with serving(program=NODE) as served:
        ended = interpreter.run(*TOP, served.address, "--once", "--interval", "0.1")
    _, ratio, _, heading, *lines = ended.stdout.splitlines()[:11]
    assert ratio.startswith("hit ratio - (3.5% since the start)")
    assert heading.split() == ["PROCESS", "HIT", "RATIO", "LOOKUPS"]
    assert [line.split() for line in lines[:6]] == [
        [f"node:{number}", f"{number}.0%", "0/s"] for number in range(6)
    ]
    assert lines[6] == "the lowest 6 of 8 processes"


def test_plain_text_has_no_rates_at_the_first_read() -> None:
    with serving() as served, interpreter.running(*TOP, served.url, "--interval", "3600") as top:
        assert top.stdout is not None
        lines = iter(top.stdout.readline, "")
        assert next(lines) == f"{served.address}\n"
        assert next(lines) == "hit ratio - (75.0% since the start)   lookups -/s\n"
        hits = next(line for line in lines if line.startswith("dataclay_inmemory_hits_total"))
        assert hits.split()[1:] == ["300", "-/s"]


def test_plain_text_is_repeated_until_the_endpoint_ends() -> None:
    with serving() as served, interpreter.running(*TOP, served.url, "--interval", "0.1") as top:
        assert top.stdout is not None
        for repetitions in range(3):
            while not (line := top.stdout.readline()).startswith("dataclay_inmemory_hits_total"):
                assert line, f"the output has ended after {repetitions} repetitions"
        served.do("close")
        _, stderr = top.communicate(timeout=TIMEOUT)
        assert top.returncode == 1
        assert re.fullmatch(r"dataclay-metrics top: cannot read [\d.:]+: .*refused\n", stderr)


def test_the_filter_keeps_series_that_contain_its_words() -> None:
    with serving() as served:
        ended = interpreter.run(
            *TOP, served.url, "--once", "--interval", "0.1", "--filter", "COUNTER method_1"
        )
    assert ended.status == 0
    _, heading, row = ended.stdout.rsplit("\n", 3)[:3]
    assert heading.startswith("METRIC") and row.startswith('calls_total{method="method_1"}')


class Terminal:
    """A program on a terminal with 30 lines."""

    def __init__(self, *command: str, columns: int = 100, term: str = "xterm") -> None:
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            os.environ.update(COLUMNS=str(columns), LINES="30", TERM=term)
            os.execv(sys.executable, [sys.executable, *command])
        self.shown = ""

    def wait_for(self, pattern: str) -> "re.Match[str]":
        """Reads until the output since the last match contains the pattern."""
        deadline = time.monotonic() + TIMEOUT
        while not (found := re.search(pattern, self.shown)):
            ready, _, _ = select.select([self._descriptor], [], [], 0.1)
            if ready:
                self.shown += os.read(self._descriptor, 65536).decode()
            assert time.monotonic() < deadline, self.shown
        self.shown = self.shown[found.end() :]
        return found

    def press(self, key: str) -> None:
        os.write(self._descriptor, key.encode())

    def end(self) -> int:
        """Waits until the program has ended. Returns its status."""
        try:
            while part := os.read(self._descriptor, 65536):
                self.shown += part.decode()
        except OSError:
            pass  # a terminal raises this when its last process has ended
        os.close(self._descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@contextmanager
def shown(served: Served, columns: int = 100) -> Iterator[Terminal]:
    """Runs ``top`` on a terminal during the block."""
    terminal = Terminal(*TOP, served.url, "--interval", "0.1", columns=columns)
    try:
        yield terminal
    finally:
        terminal.press("q")
        assert terminal.end() == 0


def test_a_terminal_updates_values_and_obeys_keys() -> None:
    with serving(20) as served:
        with shown(served) as terminal:
            terminal.wait_for(r"\x1b\[\?1049h")
            terminal.wait_for(r"hit ratio - \(75\.0% since the start\)")
            served.do("+ 9600")
            terminal.wait_for(r"hit ratio 100\.0% \(99\.0% since the start\)   lookups [\d,]+/s")
            terminal.wait_for(r"dataclay_inmemory_hits_total +9,900 ")
            screen = terminal.wait_for(r"(?s)\x1b\[H127.*?\x1b\[J")[0]
            lines = [re.sub(r"\x1b\[\w", "", line) for line in screen.split("\r\n")]
            assert len(lines) == 30 and max(map(len, lines)) <= 100
            assert lines[-1] == "by name: s changes it, q ends"
            terminal.press("ss")
            terminal.wait_for(r"METRIC[^\r]*\r\ncache_bytes[^\r]*\r\n")
            terminal.wait_for("by value: s")

            served.do("close")
            terminal.wait_for(r"cannot read [\d.:]+: .*refused; tries again")
            terminal.wait_for("dataclay_inmemory_hits_total")  # the last values are still shown
            served.do("open")
            terminal.wait_for(r"\x1b\[H127[^;]*\x1b\[J")
        assert terminal.shown.endswith("\x1b[?25h\x1b[?1049l")


def test_the_hit_ratio_is_shown_after_the_first_use_of_dataclay() -> None:
    with serving(program=UNUSED) as served, shown(served) as terminal:
        until_the_table = terminal.wait_for(r"(?s).*?dataclay_stored_objects +0\x1b")[0]
        assert "METRIC" in until_the_table and "hit ratio" not in until_the_table
        for stored in (1, 0):
            served.do(str(stored))
            terminal.wait_for(rf"hit ratio - [^\r]*\r\nobjects [^\r]* stored {stored}\x1b")


def test_cells_do_not_touch_in_80_columns() -> None:
    with serving() as served, shown(served, columns=80) as terminal:
        terminal.wait_for(r"dataclay_inmemory_hits_total +300 +0/s")
        terminal.wait_for(r"p50 100 ms  p99 1 s\x1b")


def test_a_terminal_without_control_sequences_shows_plain_text() -> None:
    with serving() as served:
        terminal = Terminal(*TOP, served.url, "--interval", "0.1", term="dumb")
        terminal.wait_for("dataclay_inmemory_hits_total +300")
        served.do("close")
        assert terminal.end() == 1
        assert "\x1b" not in terminal.shown


@pytest.mark.parametrize("page", ["<html>", "<!DOCTYPE html>", "a{x}</p>", "a_total one", "alone"])
def test_a_page_that_is_not_an_exposition_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match=f"not metrics: '{re.escape(page)}'"):
        parse(f"# TYPE a counter\n\na_total 1\n{page}\n")


def test_a_line_ends_only_at_a_line_feed() -> None:
    ((labels, child),) = parse('a{b="c\u2028d\x0be"} 1\n')["a"].children.items()
    assert (labels, child.value) == ((("b", "c\u2028d\x0be"),), 1.0)


def test_wrong_arguments_of_top_are_refused() -> None:
    for wrong in ("ftp://x", ":99999", "http://", "http://user:secret@x"):
        ended = interpreter.run(*TOP, wrong)
        assert ended.status == 2 and "must be :PORT, HOST:PORT or a URL" in ended.stderr
        assert "secret" not in ended.stderr
    for interval in ("0", "nan", "x"):
        assert interpreter.run(*TOP, "--interval", interval).status == 2
    ended = interpreter.run(*TOP, f":{free_port()}", "--once")
    assert (ended.status, ended.stdout) == (1, "") and "refused" in ended.stderr


@pytest.mark.parametrize("name", ["metrics.txt", "metrics.openmetrics.txt"])
def test_top_reads_the_values_that_prometheus_client_reads(name: str) -> None:
    # This parser reads only the text format. Both files have the same values.
    expected = {
        (sample.name, tuple(sample.labels.items())): sample.value
        for family in text_string_to_metric_families((GOLDEN / "metrics.txt").read_text())
        for sample in family.samples
        if not sample.name.endswith(("_bucket", "_sum", "_created"))
        and "quantile" not in sample.labels
    }
    read = {
        (
            family.name + ("_count" if family.type in ("histogram", "summary") else ""),
            labels,
        ): child.value
        for family in parse((GOLDEN / name).read_text()).values()
        for labels, child in family.children.items()
    }
    assert read.keys() == expected.keys()
    for series, value in expected.items():
        assert read[series] == value or math.isnan(value), series


def test_quantiles_equal_those_of_prometheus() -> None:
    buckets = [(0.1, 50.0), (0.2, 90.0), (1.0, 99.0), (math.inf, 100.0)]
    assert [quantile(q, buckets) for q in (0.25, 0.5, 0.9)] == [0.05, 0.1, 0.2]
    assert quantile(0.999, buckets) == 1.0  # at most the last bound
    assert math.isnan(quantile(0.5, [(1.0, 0.0), (math.inf, 0.0)])) and math.isnan(
        quantile(0.5, [])
    )
    later = [(bound, count + 10) for bound, count in buckets]
    assert since(Child(buckets=later), Child(buckets=buckets)) == [(b, 10.0) for b, _ in buckets]
    assert (
        since(Child(buckets=buckets), Child(buckets=later)) == buckets
    )  # the process has restarted
    assert (risen(7, 5), risen(3, 5)) == (2, 3) and math.isnan(risen(7, None))
