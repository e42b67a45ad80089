"""Tests the commands for a node: ``serve``, ``list``, ``retire``, and ``top --dir``."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import interpreter
import messages
import pytest
from servers import free_port, get, prometheus, pushgateway, samples, scrape, wait_for

# Counts, prints that it has counted, and ends at the end of stdin.
COUNT = """
import sys
import dataclay_metrics as metrics

metrics.Counter("jobs", "Jobs", ["instance"]).labels("own").inc(int(sys.argv[1]))
metrics.Gauge("level", "Level", multiprocess_mode="livesum").set(4)
print("counted", flush=True)
sys.stdin.read()
"""


@contextmanager
def counting(directory: Path, amount: int, **variables: str) -> Iterator[None]:
    """Runs a process that counts before the block, and ends after it."""
    variables["DATACLAY_METRICS_DIR"] = str(directory)
    with interpreter.running("-c", COUNT, str(amount), **variables) as process:
        assert process.stdout is not None and process.stdout.readline() == "counted\n"
        yield
        _, errors = process.communicate(timeout=interpreter.TIMEOUT)
        assert (process.returncode, errors) == (0, "")


def count(directory: Path, amount: int, **variables: str) -> None:
    """Runs a process that counts and ends."""
    with counting(directory, amount, **variables):
        pass


@contextmanager
def command(*arguments: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Runs a command during the block, and checks that SIGTERM ends it with status 0."""
    with interpreter.running("-m", "dataclay_metrics", *arguments, **variables) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("dataclay-metrics serve: ")
        yield process
        process.terminate()
        process.communicate(timeout=interpreter.TIMEOUT)
        assert process.returncode == 0


def run(*arguments: str) -> tuple[int, list[str], str]:
    ended = interpreter.run("-m", "dataclay_metrics", *arguments)
    return ended.status, ended.stdout.splitlines(), ended.stderr


def jobs(text: str) -> dict[str, float]:
    return {s.labels["instance"]: s.value for s in samples(text) if s.name == "jobs_total"}


def test_one_port_serves_every_identity(directory: Path, tmp_path: Path) -> None:
    count(directory, 3, DATACLAY_METRICS_INSTANCE="a")
    (directory / "dataclay+broken.v2.counts").write_bytes(b"no segment")
    port = free_port()
    address = f"127.0.0.1:{port}"
    with (
        command("serve", "--dir", str(directory), "--host", "127.0.0.1", "--port", str(port)),
        prometheus(tmp_path, {"pushgateway": address}) as server,  # with honor_labels
    ):
        wait_for(lambda: server.query('jobs_total{job="dataclay",instance="a"}'), [3.0])
        labels = {"job": "other", "instance": "b", "exported_instance": "own"}
        with counting(directory, 5, DATACLAY_METRICS_INSTANCE="b", DATACLAY_METRICS_JOB="other"):
            found = [s for s in samples(get(f"http://{address}/metrics")) if s.value == 5]
            assert [(s.name, s.labels) for s in found] == [("jobs_total", labels)]
            wait_for(lambda: server.query("sum(level)"), [4.0])
            wait_for(lambda: server.query("sum(dataclay_metrics_segment_processes)"), [1.0])
        wait_for(lambda: server.query("sum(jobs_total)"), [8.0])
        assert server.query("dataclay_metrics_segments_unreadable") == [1.0]
        assert "level{" not in get(f"http://{address}/metrics"), (
            "a livesum of processes that have ended"
        )


def test_each_identity_is_pushed_to_its_group(directory: Path, tmp_path: Path) -> None:
    count(directory, 3, DATACLAY_METRICS_INSTANCE="a")
    with pushgateway(tmp_path) as gateway:
        push = ("serve", "--dir", str(directory), "--push", gateway.address, "--interval", "0.1")
        with command(*push):
            wait_for(lambda: gateway.values("jobs_total"), {"a": 3.0})
            count(directory, 1, DATACLAY_METRICS_INSTANCE="a")
            count(directory, 5)
            wait_for(lambda: sorted(gateway.values("jobs_total").values()), [4.0, 5.0])
            # A livesum has no value once all processes have ended.
            wait_for(lambda: len(gateway.values("level")), 0)
            pushes = gateway.pushes()
            time.sleep(0.5)  # five intervals
            assert gateway.pushes() == pushes, "pushed, although no count has changed"
        names = sorted(gateway.values("jobs_total"))
        # The default instance ends with the number of the segment.
        assert names[0] == "a" and names[1].startswith(f"python@{os.uname().nodename}:")
        assert len(gateway.groups()) == 2


def test_serve_pushes_start_times_only_in_protobuf(directory: Path, tmp_path: Path) -> None:
    begun = time.time()
    count(directory, 3, DATACLAY_METRICS_INSTANCE="a")
    push = ("serve", "--dir", str(directory), "--interval", "0.1", "--push")
    with pushgateway(tmp_path) as gateway:

        def created() -> list[float]:
            _, body = scrape(f"http://{gateway.address}/metrics", messages.CONTENT_TYPE)
            families = messages.families(body)
            (jobs,) = [family for family in families if family.name == "jobs_total"]
            starts = [metric.counter.created_timestamp for metric in jobs.metric]
            return [start.seconds + start.nanos / 1e9 for start in starts]

        with command(*push, gateway.address, DATACLAY_METRICS_PUSH_FORMAT="protobuf"):
            wait_for(lambda: gateway.values("jobs_total"), {"a": 3.0})
        (zero,) = created()
        assert begun - 1 < zero <= time.time()
        count(directory, 1, DATACLAY_METRICS_INSTANCE="a")
        with command(*push, gateway.address):
            wait_for(lambda: gateway.values("jobs_total"), {"a": 4.0})
        assert created() == [0.0]
    wrong = interpreter.run(
        "-m", "dataclay_metrics", *push, "x:1", DATACLAY_METRICS_PUSH_FORMAT="x"
    )
    assert wrong.status == 2 and 'DATACLAY_METRICS_PUSH_FORMAT="x": must be' in wrong.stderr


def test_a_segment_is_listed_and_retired(directory: Path) -> None:
    with counting(directory, 1, DATACLAY_METRICS_INSTANCE="a"):
        status, lines, _ = run("list", "--dir", str(directory))
        assert (status, lines[0].split()[:4]) == (0, ["JOB", "INSTANCE", "SERVICE", "PROCESSES"])
        assert lines[1].split()[:5] == ["dataclay", "a", "-", "1", "2"]
        status, _, error = run("retire", "a", "--dir", str(directory))
        assert status == 1 and "a: 1 process counts there" in error
    assert run("retire", "b", "--dir", str(directory))[0] == 1
    assert run("retire", "a", "--dir", str(directory))[0] == 0
    assert not list(directory.glob("*"))
    count(directory, 1, DATACLAY_METRICS_INSTANCE="a", DATACLAY_METRICS_JOB="x")
    count(directory, 1, DATACLAY_METRICS_INSTANCE="a", DATACLAY_METRICS_JOB="y")
    status, _, error = run("retire", "a", "--dir", str(directory))
    assert status == 1 and "choose one by --job: x, y" in error
    assert run("retire", "a", "--job", "x", "--dir", str(directory))[0] == 0
    (directory / "broken.v2.counts").touch()
    status, lines, error = run("list", "--dir", str(directory))
    assert status == 1 and lines[1].split()[0] == "y" and "broken.v2.counts" in error


def test_top_shows_every_identity_of_a_node(directory: Path) -> None:
    count(directory, 3, DATACLAY_METRICS_INSTANCE="a")
    status, lines, _ = run("top", "--dir", str(directory), "--once", "--interval", "0.1")
    assert status == 0 and lines[0] == str(directory)
    rows = [line.split() for line in lines]
    series = 'jobs_total{job="dataclay",instance="a",exported_instance="own"}'
    assert [series, "3", "0/s"] in rows


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (("serve", "--dir", "/no such"), "must be a directory that exists"),
        (("serve", "--port", "x"), "from 0 to 65535"),
        (("serve", "--push", "gateway"), "must be HOST:PORT"),
        (("serve", "--interval", "0"), "0.1 to 3600"),
        (("list", "--dir", "/etc/passwd"), "must be a directory that exists"),
        (("retire", "one", "--dir", ""), "must be a directory that exists"),
    ],
)
def test_the_error_for_a_wrong_option_names_value_and_rule(
    arguments: tuple[str, ...], rule: str
) -> None:
    status, _, error = run(*arguments)
    assert status == 2 and rule in error and arguments[-1] in error
