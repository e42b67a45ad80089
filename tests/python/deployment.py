"""Runs dataClay, Prometheus and Pushgateway with the configuration in docs/deploy."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import servers
import stack

FILES = Path(__file__).parents[2] / "docs/deploy"

# Creates objects on each backend, and looks them up at a rate that rises and falls. It keeps only
# 25 of them, so some lookups miss. It ends when the file `end` exists.
CLIENT = """
import math
from collections import deque
from dataclay import Client
from dataclay.contrib.modeltest.family import Family, Person

client = Client()
client.start()
families = []
for backend in client.get_backends():
    family = Family()
    family.make_persistent(backend_id=backend)
    for n in range(10):
        family.add(Person(str(n), n))
    families.append(family)
held = deque(maxlen=25)
rounds = 0
while ROUNDS is None or rounds < ROUNDS:
    if os.path.exists("end"):
        break
    family = families[rounds % len(families)]
    held.extend(family.members)
    family.add_year()
    rounds += 1
    if rounds == 3:
        print("works", flush=True)
    time.sleep(0.06 + 0.05 * math.sin(time.monotonic() / 20))
client.stop()
"""


@dataclass
class Deployment:
    """Backends that Prometheus scrapes, other processes that push, and both servers."""

    dataclay: stack.Stack
    services: list[stack.Program]
    ports: list[int]
    gateway: servers.Pushgateway
    prometheus: servers.Prometheus

    def client(self, rounds: int | None = None) -> stack.Program:
        """Starts a client that pushes, and waits for its third round."""
        program = self.dataclay.client(
            f"ROUNDS = {rounds}\n{CLIENT}",
            way="pth",
            **stack.exporting("pushgateway", self.gateway.port),
        )
        program.wait_for_line("works")
        return program

    def urls(self) -> dict[str, str]:
        """Returns the address of each page, by its title."""
        scraped = ("first backend", "second backend")
        return {
            "console": f"http://{self.prometheus.address}/consoles/dataclay.html",
            "Prometheus": f"http://{self.prometheus.address}",
            "Pushgateway": f"http://{self.gateway.address}/metrics",
        } | {
            name: f"http://127.0.0.1:{port}/metrics"
            for name, port in zip(scraped, self.ports, strict=True)
        }


@contextmanager
def running(directory: Path) -> Iterator[Deployment]:
    """Runs a metadata service, two backends, Prometheus and Pushgateway during the block."""
    ports = [servers.free_port() for _ in range(2)]
    with ExitStack() as started:
        gateway = started.enter_context(servers.pushgateway(directory))
        dataclay = started.enter_context(stack.running(directory))
        dataclay.runtime = started.enter_context(stack.tmpfs_directory())
        pushing = stack.exporting("pushgateway", gateway.port)
        services = [dataclay.metadata(way="pth", **pushing)]
        services += [dataclay.backend(way="pth", **stack.exporting("http", port)) for port in ports]
        config = configure(directory / "deploy", ports, gateway.port)
        prometheus = started.enter_context(servers.prometheus_from_config(config, directory))
        yield Deployment(dataclay, services, ports, gateway, prometheus)


def configure(directory: Path, backends: list[int], gateway: int) -> Path:
    """Copies docs/deploy with these ports and intervals of 1 s. Returns its prometheus.yml."""
    shutil.copytree(FILES, directory)
    config = directory / "prometheus.yml"
    text = config.read_text()
    if text.count(": 15s") != 2:
        raise AssertionError(f"{FILES / config.name} must set exactly two intervals to 15s")
    config.write_text(text.replace(": 15s", ": 1s"))
    targets = directory / "targets"
    shutil.rmtree(targets)
    targets.mkdir()
    # JSON is valid YAML.
    for file, ports, labels in (
        ("dataclay.yml", backends, {"service": "backend"}),
        ("pushgateway.yml", [gateway], {}),
    ):
        group = {"targets": [f"127.0.0.1:{port}" for port in ports], "labels": labels}
        (targets / file).write_text(json.dumps([group]))
    return config
