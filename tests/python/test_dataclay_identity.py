"""Tests the identity and the ports of a dataClay process, and its log lines about them."""

import re
import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import servers
from servers import Pushgateway, free_port, wait_for
from stack import Program, Stack, exporting, running

CLIENT = """
from dataclay import Client
client = Client()
client.start()
wait_for("end")
client.stop()
"""


def test_a_service_keeps_its_identity_after_a_restart(
    tmp_path: Path, pushgateway: Pushgateway
) -> None:
    settings = exporting("pushgateway", pushgateway.port)
    storage = tmp_path / "storage"
    with running(tmp_path) as dataclay:
        for _ in range(2):
            metadata = dataclay.metadata(way="pth", **settings)
            backend = dataclay.backend(storage, way="pth", **settings)
            backend.terminate()
            metadata.terminate()
        backend_id = (storage / "BACKEND_ID").read_text()
        assert {group["service"]: group["instance"] for group in pushgateway.groups()} == {
            "metadata": f"metadata:127.0.0.1:{dataclay.metadata_port}",
            "backend": f"backend:{backend_id}",
        }
        assert len(pushgateway.groups()) == 2


def test_without_a_segment_the_instance_of_a_client_has_host_and_process_id(
    dataclay: Stack, pushgateway: Pushgateway
) -> None:
    settings = exporting("pushgateway", pushgateway.port, DATACLAY_METRICS_DIR="none")
    client = dataclay.client(CLIENT, way="pth", **settings)
    wait_for(lambda: len(pushgateway.groups()), 1)
    (group,) = pushgateway.groups()
    expected = f"client:{socket.gethostname()}:{client.process.pid}"
    assert (group["instance"], group["service"]) == (expected, "client")
    client.touch("end")
    client.wait_for_success()


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_the_job_the_instance_and_the_service_can_be_set(
    dataclay: Stack, pushgateway: Pushgateway, place: str
) -> None:
    chosen = {
        "DATACLAY_METRICS_JOB": "night",
        "DATACLAY_METRICS_INSTANCE": "worker/7",
        "DATACLAY_SERVICE_NAME": "reader",
    }
    settings = exporting("pushgateway", pushgateway.port)
    if place == ".env":
        dotenv = "".join(f"{name}={value}\n" for name, value in (settings | chosen).items())
        client = dataclay.client(CLIENT, way="pth", dotenv=dotenv)
    else:
        client = dataclay.client(CLIENT, way="pth", **settings, **chosen)
    wait_for(lambda: len(pushgateway.groups()), 1)
    assert pushgateway.groups() == [{"job": "night", "instance": "worker/7", "service": "reader"}]
    # The name of the service does not change the role, which selects the metrics.
    names = {s.name for s in pushgateway.samples() if s.labels.get("job") == "night"}
    assert "dataclay_inmemory_hits_total" in names
    assert "dataclay_stored_objects" not in names
    client.touch("end")
    client.wait_for_success()


def test_dataclay_runs_without_a_free_port_and_logs_an_error(dataclay: Stack) -> None:
    last = 65535  # the highest port, so the range has one port
    with ExitStack() as listener:
        with suppress(OSError):  # another process listens there
            listener.enter_context(socket.create_server(("127.0.0.1", last)))
        client = dataclay.client(CLIENT, way="pth", **exporting("http", last))
        client.wait_for_line("Client runtime started")
        client.touch("end")
        client.wait_for_success()
    (error,) = client.lines("ERROR:dataclay_metrics")
    assert f"no port from {last} to {last} is free" in error


def test_port_zero_selects_a_free_port_and_logs_it(dataclay: Stack) -> None:
    client = dataclay.client(CLIENT, way="pth", **exporting("http", 0))
    client.wait_for_line("INFO:dataclay_metrics:serving")
    url = re.findall(r"http://127\.0\.0\.1:[1-9]\d*/metrics", client.text())[0]
    assert "dataclay_inmemory_hits_total 0" in servers.get(url)
    client.touch("end")
    client.wait_for_success()


def test_two_backends_of_one_node_serve_on_different_ports(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path) as dataclay:
        dataclay.metadata(way="upstream")
        backends = [dataclay.backend(way="pth", **exporting("http", port)) for _ in range(2)]
        urls = {url_of(backend) for backend in backends}
        assert len(urls) == 2
        for url in urls:
            # Other processes may listen on some of the hundred ports.
            assert int(url.split(":")[2].removesuffix("/metrics")) in range(port, port + 100)
            assert "dataclay_stored_objects 0" in servers.get(url)


def url_of(program: Program) -> str:
    """Returns the address of the scrape endpoint of a program, from its log."""
    program.wait_for_line("serving metrics at ")
    (line,) = program.lines("serving metrics at ")
    return line.partition("serving metrics at ")[2].split()[0]


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "99999"), ("GATEWAY", "a b"), ("ON_EXIT", "x")]
)
def test_a_wrong_setting_raises_an_error_at_the_start(
    dataclay: Stack, name: str, value: str
) -> None:
    settings = exporting("http", 0) | {f"DATACLAY_METRICS_{name}": value}
    client = dataclay.client(CLIENT, way="pth", **settings)
    client.wait()
    assert client.process.returncode == 1
    (error,) = client.lines("ValueError: ")
    assert f'"{value}"' in error and "must" in error
