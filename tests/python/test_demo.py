"""Tests the command ``dataclay-metrics demo`` as a user runs it."""

import os
import pty
import re
import signal
import socket
import sys

import interpreter
import pytest
from dataclay_metrics.commands.demo import summary
from prometheus_client.parser import text_string_to_metric_families
from servers import Pushgateway, get

DEMO = ("-m", "dataclay_metrics", "demo")


def totals(stdout: str) -> dict[str, int]:
    """Parses the closing summary into numbers by name."""
    found = re.findall(
        r"^(hits|misses|hits \+ misses|cache's lookups) +([\d,]+)", stdout, re.MULTILINE
    )
    return {what: int(number.replace(",", "")) for what, number in found}


def check(stdout: str) -> dict[str, int]:
    stated = totals(stdout)
    assert stated["hits"] > 0 and stated["misses"] > 0
    assert stated["hits"] + stated["misses"] == stated["hits + misses"]
    assert stated["hits + misses"] == stated["cache's lookups"]
    assert stdout.rstrip().endswith("equal") and "NOT" not in stdout
    return stated


def test_two_seconds_serve_the_five_metrics_and_the_totals_agree() -> None:
    with interpreter.running(*DEMO, "--seconds", "2", "--port", "0") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        url = re.search(r"http://127\.0\.0\.1:\d+/metrics", first)
        assert url, first
        process.stdout.readline()  # printed after one second
        values = {
            sample.name: sample.value
            for family in text_string_to_metric_families(get(url.group()))
            for sample in family.samples
        }
        stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (0, "")
    stated = check(stdout)
    assert "\r" not in stdout
    assert re.search(r"hits [\d,]+  misses [\d,]+  hit ratio [\d.]+%  [\d,]+ increments/s", stdout)

    assert 0 < values["dataclay_inmemory_hits_total"] < stated["hits"]
    assert 0 < values["dataclay_inmemory_misses_total"] < stated["misses"]
    assert 0 < values["dataclay_loaded_objects"] <= values["dataclay_inmemory_objects"]
    assert values["dataclay_stored_objects"] > 0


def test_ctrl_c_prints_the_summary_and_exits_with_status_0() -> None:
    with interpreter.running(*DEMO, "--port", "0") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (0, "")
    check(stdout)


def test_a_terminal_shows_one_line_that_is_updated() -> None:
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, *DEMO, "--seconds", "1", "--port", "0"])
    shown = b""
    try:
        while chunk := os.read(terminal, 4096):
            shown += chunk
    except OSError:
        pass  # a terminal raises this when its last user has left
    finally:
        os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert shown.count(b"\rhits ") >= 3
    check(shown.decode())


def test_a_taken_port_prints_a_message_with_the_option_to_change_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ended = interpreter.run(*DEMO, "--seconds", "1", "--port", port)
    assert (ended.status, ended.stdout) == (1, "")
    assert port in ended.stderr and "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_push_leaves_the_final_counts_on_the_gateway(pushgateway: Pushgateway) -> None:
    ended = interpreter.run(*DEMO, "--seconds", "1", "--port", "0", "--push", pushgateway.address)
    assert ended.status == 0, ended.stderr
    stated = check(ended.stdout)
    for name, what in {
        "dataclay_inmemory_hits_total": "hits",
        "dataclay_inmemory_misses_total": "misses",
    }.items():
        assert list(pushgateway.values(name).values()) == [stated[what]]


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
