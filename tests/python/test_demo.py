"""Tests the command ``dataclay-metrics demo``."""

import errno
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import interpreter
import pytest
from dataclay_metrics.commands.demo.command import live_line, summary
from dataclay_metrics.commands.demo.prometheus import FILES
from prometheus_client.parser import text_string_to_metric_families
from servers import Prometheus, Pushgateway, get, listens, wait_for

DEMO = ("-m", "dataclay_metrics", "demo")
ROOT = Path(__file__).parents[2]
WITHOUT_DUEL = (*DEMO, "--no-duel", "--port", "0")


def read_until_first_counts(process: "subprocess.Popen[str]") -> str:
    """Returns the output of the demo up to its first counts, which it prints after a second."""
    assert process.stdout is not None
    printed = ""
    while not re.search(r"^hits .*\n", printed, re.MULTILINE):
        line = process.stdout.readline()
        assert line, printed
        printed += line
    return printed


def totals(stdout: str) -> dict[str, int]:
    """Returns the numbers in the summary by name."""
    found = re.findall(
        r"^(hits|misses|hits \+ misses|cache's lookups) +([\d,]+)", stdout, re.MULTILINE
    )
    return {label: int(number.replace(",", "")) for label, number in found}


def consistent_totals(stdout: str) -> dict[str, int]:
    """Returns the numbers in the summary, and fails if they differ from the lookups."""
    numbers = totals(stdout)
    assert numbers["hits"] > 0 and numbers["misses"] > 0
    assert numbers["hits"] + numbers["misses"] == numbers["hits + misses"]
    assert numbers["hits + misses"] == numbers["cache's lookups"]
    assert stdout.rstrip().endswith("equal") and "NOT" not in stdout
    return numbers


def test_the_demo_serves_the_five_metrics_and_its_totals_agree() -> None:
    with interpreter.running(*WITHOUT_DUEL) as process:
        printed = read_until_first_counts(process)
        url = re.search(r"http://127\.0\.0\.1:\d+/metrics", printed)
        assert url
        values = {
            sample.name: sample.value
            for family in text_string_to_metric_families(get(url.group()))
            for sample in family.samples
        }
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=interpreter.TIMEOUT)
    assert (process.returncode, stderr) == (0, "")
    numbers = consistent_totals(stdout)
    assert "\r" not in stdout
    assert re.search(
        r"hits [\d,]+  misses [\d,]+  hit ratio [\d.]+%  [\d,]+ lookups/s", printed + stdout
    )

    assert 0 < values["dataclay_inmemory_hits_total"] < numbers["hits"]
    assert 0 < values["dataclay_inmemory_misses_total"] < numbers["misses"]
    assert 0 < values["dataclay_loaded_objects"] <= values["dataclay_inmemory_objects"]
    assert values["dataclay_stored_objects"] > 0


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_prints_the_summary_and_exits_with_status_0(ending: signal.Signals) -> None:
    with interpreter.running(*WITHOUT_DUEL) as process:
        read_until_first_counts(process)
        process.send_signal(ending)
        stdout, stderr = process.communicate(timeout=interpreter.TIMEOUT)
    assert (process.returncode, stderr) == (0, "")
    consistent_totals(stdout)


def test_a_terminal_shows_one_line_that_is_updated() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, *WITHOUT_DUEL])
    shown, is_ended = b"", False
    try:
        while chunk := os.read(terminal, 4096):
            shown += chunk
            if not is_ended and shown.count(b"\rhits ") >= 3:
                is_ended = os.write(terminal, b"\x03") == 1  # Ctrl-C
    except OSError as error:
        if error.errno != errno.EIO:  # a terminal raises EIO after its last program has ended
            raise
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert shown.count(b"\rhits ") >= 3
    consistent_totals(shown.decode())


def test_the_error_for_a_taken_port_names_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ended = interpreter.run(*DEMO, "--seconds", "1", "--port", port)
    assert (ended.status, ended.stdout) == (1, "")
    assert port in ended.stderr and "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_push_sends_the_final_counts_to_the_gateway(pushgateway: Pushgateway) -> None:
    ended = interpreter.run(*WITHOUT_DUEL, "--seconds", "1", "--push", pushgateway.address)
    assert ended.status == 0, ended.stderr
    numbers = consistent_totals(ended.stdout)
    for name, label in {
        "dataclay_inmemory_hits_total": "hits",
        "dataclay_inmemory_misses_total": "misses",
    }.items():
        assert list(pushgateway.values(name).values()) == [numbers[label]]


@pytest.mark.parametrize(
    "wrong",
    [
        ("--seconds", "abc"),
        ("--seconds", "0"),
        ("--port", "99999"),
        ("--push", "nowhere"),
        ("--push", "127.0.0.1:99999"),
    ],
)
def test_the_error_for_a_wrong_option_names_it_and_its_value(wrong: tuple[str, str]) -> None:
    ended = interpreter.run(*DEMO, *wrong)
    assert ended.status == 2
    assert wrong[0] in ended.stderr and wrong[1].rpartition(":")[2] in ended.stderr


def test_the_summary_shows_whether_the_totals_agree() -> None:
    assert summary(hits=2, misses=1, lookups=3).endswith("3  equal")
    assert summary(hits=2, misses=1, lookups=4).endswith("4  NOT EQUAL")


def test_the_live_line_fits_in_80_columns() -> None:
    line = live_line(hits=9_999_999_999, misses=3_333_333_333, rate=9_999_999)
    assert line == "hits 9,999,999,999  misses 3,333,333,333  hit ratio 75.0%  9,999,999 lookups/s"
    assert len(line) <= 80


def test_the_demo_prints_the_live_page_and_measures_both_libraries() -> None:
    ended = interpreter.run(*DEMO, "--port", "0", "--seconds", "0.1")
    assert (ended.status, ended.stderr) == (0, "")
    assert re.search(r"^Live page +http://127\.0\.0\.1:\d+/$", ended.stdout, re.MULTILINE)
    rows = re.findall(
        r"^(\S+\(.*\)) +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+)$", ended.stdout, re.MULTILINE
    )
    names = [name for name, *_ in rows]
    assert names[:2] == ["counter.inc()", 'counter.labels("get").inc()']
    assert all(int(time.replace(",", "")) > 0 for _, *times in rows for time in times)
    assert max(map(len, ended.stdout.splitlines())) <= 80
    consistent_totals(ended.stdout)


def test_prometheus_scrapes_the_demo_and_ends_with_it() -> None:
    with interpreter.running(*WITHOUT_DUEL, "--prometheus") as process:
        found = re.search(
            r"^Prometheus +http://127\.0\.0\.1:(\d+)/",
            read_until_first_counts(process),
            re.MULTILINE,
        )
        assert found
        port = int(found[1])
        prometheus = Prometheus(port)
        wait_for(lambda: len(prometheus.query("dataclay_inmemory_hits_total > 0")), 1)
        if FILES.is_dir():  # the wheel does not contain them
            rules = get(f"http://{prometheus.address}/api/v1/rules")
            assert "DataclayHitRatioFell" in rules
            console = f"http://{prometheus.address}/consoles/dataclay.html"
            wait_for(lambda: "demo" in get(console), True)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=interpreter.TIMEOUT)
    assert (process.returncode, stderr) == (0, "")
    consistent_totals(stdout)
    assert not listens(port)


def test_the_error_for_a_missing_prometheus_names_it() -> None:
    ended = interpreter.run(*WITHOUT_DUEL, "--prometheus", "--seconds", "1", PATH="/nonexistent")
    assert (ended.status, ended.stdout) == (1, "")
    assert "prometheus is not on PATH" in ended.stderr and "Traceback" not in ended.stderr


@pytest.mark.skipif(not (ROOT / "Makefile").exists(), reason="the wheel has no Makefile")
def test_the_help_of_make_demo_builds_nothing() -> None:
    command = ["make", "--directory", str(ROOT), "demo", "ARGS=--help", "VENV=/nonexistent"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "--seconds N" in ended.stdout and "maturin" not in ended.stdout
