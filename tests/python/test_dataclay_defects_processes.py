"""Tests that defects of processes with metrics in dataClay 4.3.1 do not occur with this package.

The letter in each name identifies the defect in our list. With ``--way upstream``, dataClay uses
its metrics without this package, and each of these tests fails.
"""

import re
import time
from pathlib import Path

import interpreter
import pytest
import servers
from servers import Pushgateway, free_port, wait_for
from stack import HITS, STOP, WORK, Stack, exporting, running

# Without a segment, processes of one identity count and export separately.
WITHOUT_SEGMENT = {"DATACLAY_METRICS_DIR": "none"}


@pytest.mark.timed
def test_a_the_exporter_does_not_delay_the_exit_of_a_process(
    tmp_path: Path, pushgateway: Pushgateway, way: str
) -> None:
    settings = exporting("pushgateway", pushgateway.port)
    with running(tmp_path) as dataclay:
        metadata = dataclay.metadata(way=way, **settings)
        backend = dataclay.backend(way=way, **settings)
        client = dataclay.client(WORK + STOP, way=way, **settings)
        client.wait()
        assert backend.terminate() < 2.0
        assert metadata.terminate() < 2.0


def test_b_pushes_follow_the_push_interval(
    dataclay: Stack, pushgateway: Pushgateway, way: str
) -> None:
    client = dataclay.client(
        WORK + "wait_for('end')" + STOP,
        way=way,
        **exporting("pushgateway", pushgateway.port, DATACLAY_METRICS_PUSH_INTERVAL="1"),
    )
    wait_for(lambda: pushgateway.pushes() >= 1, True)
    began = time.monotonic()
    wait_for(lambda: pushgateway.pushes() >= 4, True)
    # Three intervals take 3 s, but 30 s if each lasts 10 s, as without this package.
    assert time.monotonic() - began < 20.0
    client.touch("end")


def test_e_a_taken_port_does_not_end_the_process(dataclay: Stack, way: str) -> None:
    port = free_port()
    settings = exporting("http", port)
    first = dataclay.client(WORK + "wait_for('end')" + STOP, way=way, **settings)
    wait_for(lambda: servers.listens(port), True)
    second = dataclay.client(WORK + "wait_for('end')" + STOP, way=way, **settings)
    second.wait_for_line("Client runtime started")
    (warning,) = second.lines("WARNING:dataclay_metrics")
    taken, other = map(int, re.findall(r"port (\d+)", warning))
    assert taken == port
    assert port < other < port + 10
    wait_for(lambda: HITS in servers.get(f"http://127.0.0.1:{other}/metrics"), True)
    for client in (first, second):
        client.touch("end")
        client.wait_for_success()


def test_g_an_unreachable_gateway_is_logged_once_and_not_printed(
    dataclay: Stack, tmp_path: Path, way: str
) -> None:
    port = free_port()
    client = dataclay.client(
        WORK + "wait_for('end')" + STOP, way=way, **exporting("pushgateway", port)
    )
    client.wait_for_line("Client runtime started")
    client.wait_for_line("WARNING:dataclay_metrics:")
    with servers.pushgateway(tmp_path, port) as gateway:
        wait_for(lambda: len(gateway.groups()), 1)
        wait_for(lambda: len(client.lines("dataclay_metrics:")), 3)
        client.touch("end")
        client.wait_for_success()
    # The push thread may log its failure before the other thread logs the start.
    *first, recovery = client.lines("dataclay_metrics:")
    start, failure = sorted(first)
    assert f"127.0.0.1:{port}" in start and start.startswith("INFO:")
    assert f"127.0.0.1:{port}" in failure and failure.startswith("WARNING:")
    assert f"127.0.0.1:{port}" in recovery and "again" in recovery
    assert not client.lines("Error pushing to gateway")


FORK = """
from dataclay import Client
import dataclay.utils.metrics as metrics
client = Client()  # starts the exporter, but no thread of dataClay
for _ in range(3):
    metrics.dataclay_inmemory_hits_total.inc()
child = os.fork()
if child == 0:
    for _ in range(4):
        metrics.dataclay_inmemory_hits_total.inc()
    wait_for("child")
    sys.exit()
print("forked", flush=True)
wait_for("parent")
"""


def test_l_a_forked_child_exports_only_its_counts(
    dataclay: Stack, pushgateway: Pushgateway, way: str
) -> None:
    client = dataclay.client(
        FORK, way=way, **exporting("pushgateway", pushgateway.port, **WITHOUT_SEGMENT)
    )
    client.wait_for_line("forked")
    client.touch("parent")
    client.touch("child")
    client.wait_for_success()
    wait_for(lambda: sorted(pushgateway.values(HITS).values()), [3.0, 4.0])


def test_l_a_forked_child_replaces_its_parent_on_the_port(dataclay: Stack, way: str) -> None:
    port = free_port()
    client = dataclay.client(FORK, way=way, **exporting("http", port, **WITHOUT_SEGMENT))
    client.wait_for_line("forked")
    assert f"\n{HITS} 3" in servers.get(f"http://127.0.0.1:{port}/metrics")
    client.touch("parent")
    client.wait_for_success()
    # The child now serves its counts on the port.
    wait_for(lambda: servers.listens(port), True)
    counted = f"\n{HITS} 4"
    wait_for(lambda: counted in servers.get(f"http://127.0.0.1:{port}/metrics"), True)
    client.touch("child")


def test_m_http_listens_on_the_configured_address_and_logs_it(dataclay: Stack, way: str) -> None:
    for host, on_all_addresses in (("127.0.0.1", False), (None, True)):
        port = free_port()
        settings = exporting("http", port)
        if host is None:
            del settings["DATACLAY_METRICS_HOST"]
        client = dataclay.client(WORK + "wait_for('end')" + STOP, way=way, **settings)
        wait_for(lambda port=port: servers.listens(port), True)  # type: ignore[misc]
        assert servers.listens(port, "127.0.0.2") is on_all_addresses
        client.wait_for_line(f"http://{host or '0.0.0.0'}:{port}/metrics")
        client.touch("end")
        client.wait_for_success()


def test_p_groups_of_dead_processes_can_be_deleted(
    dataclay: Stack, pushgateway: Pushgateway, way: str
) -> None:
    settings = exporting("pushgateway", pushgateway.port, **WITHOUT_SEGMENT)
    live = dataclay.client(WORK + "wait_for('end')" + STOP, way=way, **settings)
    dead = dataclay.client(WORK + "os._exit(0)", way=way, **settings)
    live.wait_for_line("Client runtime started")
    wait_for(lambda: len(pushgateway.groups()), 2)
    dead.wait()

    def sweep(*arguments: str) -> str:
        command = ["sweep", "--older-than", "4s", "--gateway", pushgateway.address, *arguments]
        ended = interpreter.run("-m", "dataclay_metrics", *command)
        assert ended.status == 0, ended.stderr
        return ended.stdout

    wait_for(lambda: "1 group on" in sweep(), True)
    assert f':{dead.process.pid}"' in sweep()
    assert len(pushgateway.groups()) == 2  # without --delete it deletes none
    assert "1 group deleted" in sweep("--delete")
    wait_for(lambda: len(pushgateway.groups()), 1)
    (group,) = pushgateway.groups()
    assert group["instance"].endswith(f":{live.process.pid}")
    live.touch("end")
    live.wait_for_success()


def test_u_the_default_port_of_a_gateway_is_9091(dataclay: Stack, way: str) -> None:
    client = dataclay.client(
        "from dataclay import Client; Client()", way=way, **exporting("pushgateway", None)
    ).wait_for_success()
    assert client.lines("127.0.0.1:9091/")
