"""Starts the real Prometheus and Pushgateway on free loopback ports."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

T = TypeVar("T")
PATIENCE = 20.0  # seconds until a condition that should hold soon has failed


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str) -> str:
    with urlopen(url, timeout=PATIENCE) as answer:
        return str(answer.read().decode())


def wait_for(read: Callable[[], T], expected: T, patience: float = PATIENCE) -> None:
    """Reads repeatedly until the value is as expected; fails with the last value read."""
    give_up = time.monotonic() + patience
    while (seen := read()) != expected:
        if time.monotonic() > give_up:
            raise AssertionError(f"after {patience} s: {seen!r}, expected {expected!r}")
        time.sleep(0.02)


def samples(text: str) -> list[Sample]:
    """Returns all samples of an exposition."""
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


class Pushgateway:
    """A running Pushgateway, empty at first."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = f"127.0.0.1:{port}"

    def samples(self) -> list[Sample]:
        """Returns all samples that it exposes, including its own metrics."""
        return samples(get(f"http://{self.address}/metrics"))

    def groups(self) -> list[dict[str, str]]:
        """Returns the labels of every group."""
        return [s.labels for s in self.samples() if s.name == "push_time_seconds"]

    def pushes(self) -> float:
        """Returns how many pushes it has answered."""
        name = "pushgateway_http_requests_total"
        return sum(
            s.value for s in self.samples() if s.name == name and s.labels["handler"] == "push"
        )

    def by_service(self, name: str) -> dict[str, float]:
        """Returns the value of an unlabelled metric in every group, by the group's service."""
        return {s.labels["service"]: s.value for s in self.samples() if s.name == name}

    def values(self, name: str) -> dict[str, float]:
        """Returns the value of an unlabelled metric in every group, by the group's instance."""
        return {
            sample.labels["instance"]: sample.value
            for family in text_string_to_metric_families(get(f"http://{self.address}/metrics"))
            for sample in family.samples
            if sample.name == name and sample.labels.get("job") == "dataclay"
        }


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"

    def query(self, expression: str) -> list[float]:
        """Returns the values of an instant query, smallest first."""
        answer = json.loads(
            get(f"http://{self.address}/api/v1/query?query={quote(expression, safe='')}")
        )
        return sorted(float(series["value"][1]) for series in answer["data"]["result"])


@contextmanager
def pushgateway(
    directory: Path, port: int | None = None, options: tuple[str, ...] = (), generation: str = ""
) -> Iterator[Pushgateway]:
    port = port or free_port()
    command = [
        f"prometheus-pushgateway{generation}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--persistence.file=",  # else old groups return: Debian's default persists
        *options,
    ]
    with program(command, directory / "pushgateway.log", lambda: _ready(port)):
        yield Pushgateway(port)


@contextmanager
def prometheus(
    directory: Path,
    targets: dict[str, str],
    generation: str = "",
    options: tuple[str, ...] = (),
    interval: str = "1s",
) -> Iterator[Prometheus]:
    """Starts a Prometheus that scrapes ``targets`` (job name -> address) every second.

    A job whose name ends in ``-text`` is scraped as text.
    """
    config = directory / "prometheus.yml"
    scrape_configs = [
        {
            "job_name": job,
            "honor_labels": job.startswith("pushgateway"),
            "static_configs": [{"targets": [address]}],
            **({"scrape_protocols": ["PrometheusText0.0.4"]} if job.endswith("-text") else {}),
        }
        for job, address in targets.items()
    ]
    # JSON is valid YAML.
    config.write_text(
        json.dumps({"global": {"scrape_interval": interval}, "scrape_configs": scrape_configs})
    )
    with prometheus_with(config, directory, generation, options) as running:
        yield running


@contextmanager
def prometheus_with(
    config: Path, directory: Path, generation: str = "", options: tuple[str, ...] = ()
) -> Iterator[Prometheus]:
    """Starts a Prometheus with this configuration, and the consoles in the same folder."""
    port = free_port()
    command = [
        f"prometheus{generation}",
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--web.console.templates={config.parent / 'consoles'}",
        *options,
    ]
    with program(command, directory / "prometheus.log", lambda: _ready(port)):
        yield Prometheus(port)


@contextmanager
def program(command: list[str], log: Path, ready: Callable[[], bool]) -> Iterator[None]:
    """Runs a server during the block, which starts when the server is ``ready``."""
    if shutil.which(command[0]) is None:
        raise AssertionError(f"{command[0]} is not on PATH: `make test` puts it there")
    with log.open("wb") as output:
        # Ctrl-C interrupts only this program, which then ends the others in order.
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )

    def ready_or_ended() -> bool:
        if process.poll() is not None:
            raise AssertionError(f"{command!r} ended with status {process.returncode}")
        return ready()

    try:
        wait_for(ready_or_ended, True)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        # pytest shows this if the test fails.
        print(f"--- {log.name}\n{log.read_text()}")


def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Returns whether anything listens on the port."""
    try:
        socket.create_connection((host, port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def _ready(port: int) -> bool:
    try:
        get(f"http://127.0.0.1:{port}/-/ready")
    except HTTPError as answer:
        answer.close()
        return answer.code == 401  # it asks for a password, so it runs
    except (URLError, ConnectionError):
        return False
    return True
