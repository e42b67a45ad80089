"""Starts real servers, Prometheus and Pushgateway, on free ports of loopback."""

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
from urllib.request import Request, urlopen

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

T = TypeVar("T")
TIMEOUT = 60.0  # seconds that `wait_for` waits; a busy machine needs many of them


def free_port() -> int:
    """Returns a port of loopback on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str) -> str:
    """Returns the body of a page."""
    with urlopen(url, timeout=TIMEOUT) as response:
        return str(response.read().decode())


def scrape(url: str, accept: str) -> tuple[str, bytes]:
    """Returns the Content-Type and the body of a page, for this Accept header."""
    with urlopen(Request(url, headers={"Accept": accept}), timeout=TIMEOUT) as response:
        return str(response.headers["Content-Type"]), response.read()


def wait_for(read: Callable[[], T], expected: T, timeout: float = TIMEOUT) -> None:
    """Reads until the value is as expected. After the timeout, fails with the last value."""
    deadline = time.monotonic() + timeout
    while (seen := read()) != expected:
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout} s: {seen!r}, expected {expected!r}")
        time.sleep(0.02)


def samples(text: str) -> list[Sample]:
    """Returns all samples of an exposition."""
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


class Pushgateway:
    """A running Pushgateway."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.address = f"127.0.0.1:{port}"

    def samples(self) -> list[Sample]:
        """Returns all samples that it exposes, also those about itself."""
        return samples(get(f"http://{self.address}/metrics"))

    def groups(self) -> list[dict[str, str]]:
        """Returns the labels of every group."""
        return [s.labels for s in self.samples() if s.name == "push_time_seconds"]

    def pushes(self) -> float:
        """Returns the number of pushes that it has received."""
        name = "pushgateway_http_requests_total"
        return sum(
            s.value for s in self.samples() if s.name == name and s.labels["handler"] == "push"
        )

    def values_by_service(self, name: str) -> dict[str, float]:
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
        response = json.loads(
            get(f"http://{self.address}/api/v1/query?query={quote(expression, safe='')}")
        )
        return sorted(float(series["value"][1]) for series in response["data"]["result"])


@contextmanager
def pushgateway(
    directory: Path, port: int | None = None, options: tuple[str, ...] = (), generation: str = ""
) -> Iterator[Pushgateway]:
    """Runs an empty Pushgateway during the block."""
    port = port or free_port()
    command = [
        f"prometheus-pushgateway{generation}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--persistence.file=",  # without this, Debian's Pushgateway keeps groups across restarts
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
    """Runs a Prometheus during the block, which scrapes ``targets`` (job name -> address).

    It scrapes a job whose name ends in ``-text`` as text.
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
    with prometheus_from_config(config, directory, generation, options) as running:
        yield running


@contextmanager
def prometheus_from_config(
    config: Path, directory: Path, generation: str = "", options: tuple[str, ...] = ()
) -> Iterator[Prometheus]:
    """Runs a Prometheus with this configuration, and with the consoles in the same folder."""
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
    """Runs a server, and the block as soon as ``ready`` returns True."""
    if shutil.which(command[0]) is None:
        raise AssertionError(f"{command[0]} is not on PATH; `make test` installs it")
    with log.open("wb") as output:
        # In a new session Ctrl-C does not reach the server, so this process can stop all in order.
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
    except HTTPError as response:
        response.close()
        return response.code == 401  # it is ready, and requires a password
    except (URLError, ConnectionError):
        return False
    return True
