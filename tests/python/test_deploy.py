"""Runs `make stack`, and the queries, the alerts and the console of docs/deploy on it."""

import math
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import interpreter
import pytest
import servers
from deploy_queries import QUERIES, rules
from servers import wait_for

STACK = str(Path(__file__).with_name("whole_stack.py"))  # what `make stack` runs


class RunningStack:
    """A running `make stack`, and the addresses that it prints."""

    def __init__(self, process: "subprocess.Popen[str]", directory: Path) -> None:
        assert process.stdout is not None
        self.directory = directory
        self.process = process
        self.printed = ""
        while "Ctrl-C" not in self.printed:
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            self.printed += line
        self.urls = dict(re.findall(r"^  (\S.*?) +(http://\S+)$", self.printed, re.MULTILINE))
        self.prometheus = servers.Prometheus(urlsplit(self.urls["Prometheus"]).port or 0)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Runs `make stack` for all tests of this file."""
    directory = tmp_path_factory.mktemp("stack")
    with interpreter.running(STACK, TMPDIR=str(directory)) as process:
        try:
            yield RunningStack(process, directory)
        finally:
            process.terminate()  # SIGKILL would leave its servers running
            process.wait(interpreter.TIMEOUT)


def processes(directory: Path) -> set[str]:
    """Returns the names of the processes that write their output to a file in the directory."""
    found = set()
    for output in Path("/proc").glob("[0-9]*/fd/1"):
        try:
            if output.readlink().is_relative_to(directory):
                found.add((output.parents[1] / "comm").read_text().strip())
        except OSError:
            continue  # the process has ended
    return found


@pytest.mark.parametrize("name", QUERIES)
def test_each_query_returns_finite_numbers(stack: RunningStack, name: str) -> None:
    def has_numbers() -> bool:
        values = stack.prometheus.query(QUERIES[name])
        return bool(values) and all(map(math.isfinite, values))

    wait_for(has_numbers, True)


@pytest.mark.parametrize("name", rules("alert"))
def test_no_alert_fires_while_the_stack_works(stack: RunningStack, name: str) -> None:
    assert stack.prometheus.query(rules("alert")[name]) == []


def test_all_clients_of_a_node_share_one_series_of_the_rates(stack: RunningStack) -> None:
    query = QUERIES["dashboard: Lookups per second, by process, A"]
    short = query.replace("1m", "5s")
    assert short != query

    def series() -> list[int]:
        return [len(stack.prometheus.query(q)) for q in (short, short.replace("> 0", ""))]

    # Two backends and a client work. A second client has ended, and its counts are in the group of
    # the first.
    wait_for(series, [3, 3])


def test_the_console_shows_every_process(stack: RunningStack) -> None:
    def rows() -> int:
        return servers.get(stack.urls["console"]).count("<tr>")

    # Three headers, two services, two backends, the clients of the node, and no alert.
    wait_for(rows, 3 + 2 + 3 + 1)
    page = servers.get(stack.urls["console"])
    assert re.search(r"<td>backend \(dataclay\)</td>\s*<td>[\d.]+</td>\s*<td>[\d.]+%</td>", page)
    assert "<td>none</td>" in page


def test_each_printed_address_responds(stack: RunningStack) -> None:
    assert len(stack.urls) == 5
    for name, url in stack.urls.items():
        # The unpacked Prometheus of Debian has no web pages, but it has this address.
        assert servers.get(f"{url}/-/ready" if name == "Prometheus" else url)


def test_ctrl_c_ends_every_process(stack: RunningStack) -> None:
    assert {"redis-server", "prometheus", Path(interpreter.PYTHON).name} <= processes(
        stack.directory
    )
    stack.process.send_signal(signal.SIGINT)
    printed, complaints = stack.process.communicate(timeout=interpreter.TIMEOUT)
    assert (stack.process.returncode, complaints) == (0, "")
    assert printed.endswith("Everything has ended.\n")
    assert processes(stack.directory) == set()
    assert list(stack.directory.iterdir()) == []


def test_every_process_ends_if_one_does_not_start(tmp_path: Path) -> None:
    broken = tmp_path / "prometheus"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    path = f"{tmp_path}:{interpreter.environment({})['PATH']}"
    ended = interpreter.run(STACK, TMPDIR=str(tmp_path), PATH=path)
    assert ended.status == 1
    assert "make stack: ['prometheus'" in ended.stderr and "status 3" in ended.stderr
    assert processes(tmp_path) == set()
