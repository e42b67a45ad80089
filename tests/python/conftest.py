"""Fixtures: the real servers, each fresh for its test and stopped after it."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import servers
import stack


@pytest.fixture
def pushgateway(tmp_path: Path) -> Iterator[servers.Pushgateway]:
    with servers.pushgateway(tmp_path) as running:
        yield running


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], servers.Prometheus]]:
    """Starts a Prometheus for the given targets (job name -> address)."""
    with ExitStack() as stack:
        yield lambda targets: stack.enter_context(servers.prometheus(tmp_path, targets))


@pytest.fixture
def black_hole() -> Iterator[int]:
    """The port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--way",
        choices=stack.WAYS,
        default="pth",
        help="how dataClay gets its metrics; with upstream, every test of a defect must fail",
    )


@pytest.fixture(scope="session")
def way(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("--way"))


@pytest.fixture(scope="session")
def dataclay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Stack]:
    """A dataClay for clients, one for all tests: a metadata service and a backend without metrics."""
    with stack.running(tmp_path_factory.mktemp("dataclay")) as running:
        running.metadata(way="upstream")
        running.backend(way="upstream")
        yield running
