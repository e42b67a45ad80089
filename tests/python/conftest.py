"""Fixtures that start real servers, and the options ``--at-once`` and ``--way``."""

import re
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import browser
import pytest
import servers
import stack
from otlp_endpoint import Endpoint, Response


@pytest.fixture(params=["", "-next"])
def generation(request: pytest.FixtureRequest) -> str:
    """Selects the servers: those of Debian stable, then the next ones (tests/servers.sh)."""
    which = str(request.param)
    return require_prometheus_3() if which else which


def require_prometheus_3() -> str:
    if shutil.which("prometheus-next") is None:
        pytest.skip("tests/servers.sh found no Prometheus 3 for this machine")
    return "-next"


@pytest.fixture
def prometheus_3() -> str:
    """Returns the generation of the servers that has Prometheus 3. Skips the test without it."""
    return require_prometheus_3()


@pytest.fixture
def each_pushgateway(tmp_path: Path, generation: str) -> Iterator[servers.Pushgateway]:
    """Starts a Pushgateway, once of each generation."""
    with servers.pushgateway(tmp_path, generation=generation) as running:
        yield running


@pytest.fixture
def each_prometheus(
    tmp_path: Path, generation: str
) -> Iterator[Callable[[dict[str, str]], servers.Prometheus]]:
    """Does what ``prometheus`` does, once for each generation."""
    with ExitStack() as started:
        start = servers.prometheus
        yield lambda targets: started.enter_context(start(tmp_path, targets, generation))


@pytest.fixture
def pushgateway(tmp_path: Path) -> Iterator[servers.Pushgateway]:
    """Starts an empty Pushgateway."""
    with servers.pushgateway(tmp_path) as running:
        yield running


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Callable[[dict[str, str]], servers.Prometheus]]:
    """Starts a Prometheus for the given targets (job name -> address)."""
    with ExitStack() as started:
        yield lambda targets: started.enter_context(servers.prometheus(tmp_path, targets))


@pytest.fixture
def endpoint() -> Iterator[Callable[..., Endpoint]]:
    """Starts OTLP endpoints with the given responses."""
    started: list[Endpoint] = []

    def start(*responses: Response) -> Endpoint:
        started.append(Endpoint(*responses))
        return started[-1]

    yield start
    for each in started:
        each.server.shutdown()
        each.server.server_close()


@pytest.fixture
def silent() -> Iterator[int]:
    """Provides the port of a server that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


@pytest.fixture
def black_hole() -> Iterator[int]:
    """Provides a port whose packets vanish.

    The queue of this listener holds one connection and is full, so the system drops all others.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        port: int = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            yield port


@pytest.fixture
def directory() -> Iterator[Path]:
    """Creates a directory in tmpfs, in which processes can count together."""
    with stack.tmpfs_directory() as path:
        path.chmod(0o755)  # as mkdir does
        yield path


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Page]:
    """Starts a browser for all tests of a file."""
    if shutil.which(browser.PROGRAM) is None:
        pytest.skip("tests/servers.sh found no Chromium for this machine")
    with browser.browser(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def page(chromium: browser.Page) -> Iterator[browser.Page]:
    """Provides the browser. Fails if the page requests anything else, or logs an error."""
    chromium.requests.clear()
    chromium.complaints.clear()
    chromium.window(1280, 860)
    chromium.prefer(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    yield chromium
    urls = [url for url in chromium.requests if not url.startswith("data:")]
    assert urls and all(re.fullmatch(r"http://127\.0\.0\.1:\d+/(metrics)?", url) for url in urls)
    assert chromium.complaints == []
    chromium.run("localStorage.clear()")
    chromium.open("about:blank")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--at-once",
        type=int,
        default=1,
        metavar="N",
        help="run each test in N threads at once. Omits tests marked alone, and tests that start "
        "processes: N times as many processes would overload the machine",
    )
    parser.addoption(
        "--way",
        choices=stack.WAYS,
        default="pth",
        help="how the package is installed in dataClay; with upstream, every test of a defect fails",
    )


def pytest_configure() -> None:
    """Restores Ctrl-C: background jobs of a shell ignore it, and processes inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--at-once") == 1:
        return

    def omitted(item: pytest.Item) -> bool:
        processes = {"Stack", "interpreter", "servers", "serving", "subprocess"}
        module = vars(item.getparent(pytest.Module).obj)  # type: ignore[union-attr]
        return not processes.isdisjoint(module) or item.get_closest_marker("alone") is not None

    config.hook.pytest_deselected(items=[item for item in items if omitted(item)])
    items[:] = [item for item in items if not omitted(item)]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs the test in ``--at-once`` threads, and raises the first failure."""
    threads = pyfuncitem.config.getoption("--at-once")
    if threads == 1:
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    start = threading.Barrier(threads)
    failures: list[BaseException] = []

    def run() -> None:
        start.wait()
        try:
            pyfuncitem.obj(**arguments)
        except BaseException as failure:  # noqa: BLE001 - the main thread raises it
            failures.append(failure)

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if failures:
        raise failures[0]
    return True


@pytest.fixture
def way(request: pytest.FixtureRequest) -> str:
    """Returns the option ``--way``."""
    return str(request.config.getoption("--way"))


@pytest.fixture(scope="session")
def dataclay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stack.Stack]:
    """Starts one dataClay for all clients: a metadata service and a backend without metrics."""
    with stack.running(tmp_path_factory.mktemp("dataclay")) as running:
        running.metadata(way="upstream")
        running.backend(way="upstream")
        yield running
