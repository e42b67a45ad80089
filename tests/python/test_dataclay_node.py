"""Tests that the processes of dataClay on one node count together by default."""

import os
import pwd
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers
from servers import Pushgateway, wait_for
from stack import HITS, MISSES, STOP, WORK, Program, Stack, exporting, running

WAIT = """
print("worked", flush=True)
wait_for("end")
"""


@pytest.fixture
def node(tmp_path: Path, directory: Path) -> Iterator[Stack]:
    """Starts a metadata service and a backend. Their clients count in one segment."""
    with running(tmp_path) as dataclay:
        dataclay.runtime = directory
        dataclay.metadata(way="upstream")
        dataclay.backend(way="upstream")
        yield dataclay


def hits_and_misses(*programs: Program) -> tuple[int, int]:
    """Returns the hits and the misses in the logs of the programs."""
    counts = [program.lookups() for program in programs]
    misses = sum(missed for _, missed in counts)
    return sum(lookups for lookups, _ in counts) - misses, misses


def client_identity() -> str:
    return f"client:{pwd.getpwuid(os.getuid()).pw_name}@{os.uname().nodename}"


def test_the_group_of_all_clients_includes_the_counts_of_killed_ones(
    node: Stack, pushgateway: Pushgateway
) -> None:
    settings = exporting("pushgateway", pushgateway.port, DATACLAY_METRICS_PUSH_INTERVAL="60")
    first = node.client(WORK + STOP, way="pth", **settings).wait_for_success()
    killed = node.client(WORK + WAIT, way="pth", **settings)
    killed.wait_for_line("worked")
    killed.process.kill()
    killed.wait()
    last = node.client(WORK + STOP, way="pth", **settings).wait_for_success()
    (group,) = pushgateway.groups()
    assert re.fullmatch(rf"{re.escape(client_identity())}:[0-9a-f]{{8}}", group["instance"])
    assert (group["job"], group["service"]) == ("dataclay", "client")
    samples = {s.name: s.value for s in pushgateway.samples() if s.labels.get("job") == "dataclay"}
    assert (samples[HITS], samples[MISSES]) == hits_and_misses(first, killed, last)
    # The last client has ended, so the group has no gauge.
    names = {name for name in samples if not name.startswith(("dataclay_metrics_", "push_"))}
    assert names == {HITS, MISSES}
    assert samples["dataclay_metrics_pushes_total"] >= 1
    files = list((node.runtime or Path()).glob("dataclay-metrics/*"))
    assert [file.name.split("+")[0] for file in files] == ["dataclay"]


def test_clients_share_one_port_from_8100_to_8199(node: Stack) -> None:
    settings = exporting("http", None)
    clients = [node.client(WORK + WAIT, way="pth", **settings) for _ in range(2)]
    for client in clients:
        client.wait_for_line("worked")
    urls = {re.findall(r"http://127\.0\.0\.1:(\d+)/metrics", c.text())[0] for c in clients}
    (port,) = urls
    assert 8100 <= int(port) < 8200

    def scraped() -> tuple[float, float]:
        samples = {s.name: s.value for s in servers.samples(servers.get(url))}
        assert not any(name.startswith("process_") for name in samples)
        return samples[HITS], samples[MISSES]

    url = f"http://127.0.0.1:{port}/metrics"
    assert scraped() == hits_and_misses(*clients)
    # Only the client that listens has logged that it serves.
    serving = [c for c in clients if c.lines("INFO:dataclay_metrics:serving metrics")]
    (other,) = (c for c in clients if c not in serving)
    serving[0].process.kill()
    serving[0].wait()
    wait_for(lambda: servers.listens(int(port)), True)
    assert scraped() == hits_and_misses(*clients)
    other.touch("end")
    other.wait()


def test_a_restarted_backend_keeps_its_counts(
    tmp_path: Path, directory: Path, pushgateway: Pushgateway
) -> None:
    settings = exporting("pushgateway", pushgateway.port)
    storage = tmp_path / "storage"
    with running(tmp_path) as dataclay:
        dataclay.runtime = directory
        dataclay.metadata(way="upstream")
        backends = []
        for _ in range(3):
            backends.append(dataclay.backend(storage, way="pth", **settings))
            dataclay.client(WORK + STOP, way="upstream").wait_for_success()
            backends[-1].terminate()
        (group,) = pushgateway.groups()
        assert group["instance"] == f"backend:{(storage / 'BACKEND_ID').read_text()}"
        samples = {s.name: s.value for s in pushgateway.samples() if "service" in s.labels}
        assert (samples[HITS], samples[MISSES]) == hits_and_misses(*backends)
        assert "process_cpu_seconds_total" in samples
