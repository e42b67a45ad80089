"""A run of a row: the servers, the programs that count, and the figures of both."""

import json
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import programs
import servers
import stack

NAMES = ("dataclay_inmemory_hits_total", "dataclay_inmemory_misses_total")
# dataClay's default, in seconds.
PUSH_INTERVAL = "10"
RESIDENT_PUSHES = 2  # seconds until the resident has pushed
START_TIMES = "--enable-feature=created-timestamp-zero-ingestion"


@dataclass(frozen=True)
class Figures:
    """Lookups of all programs of a run, in dataClay's log and in Prometheus."""

    log: int
    """Lines of dataClay's log, one for each lookup."""
    uncertain: int
    """Lookups that may have a count but no line, because a signal ended the program."""
    total: float
    """The sum in Prometheus at the end."""
    increase: float
    """PromQL's ``increase()`` over the run, which extrapolates."""
    seen: float
    """The differences between samples, without extrapolation."""
    first: float
    """The first sample of each series: ``increase()`` cannot know when it was zero."""
    groups: int
    resets: float

    def faults(self) -> list[str]:
        """Returns the figures that differ from the log by more than the uncertain lookups."""
        figures = {"sum": self.total, "samples": self.seen + self.first}
        differences = {name: value - self.log for name, value in figures.items()}
        return [
            f"{name} {by:+,.0f}" for name, by in differences.items() if abs(by) > self.uncertain
        ]


@dataclass
class Run:
    """The servers of a row, and the programs that count."""

    dataclay: stack.Stack
    gateway: servers.Pushgateway
    prometheus: servers.Prometheus
    port: int
    """The port that Prometheus scrapes."""
    where: dict[str, str]
    """The variables that select the memory of the counts."""
    _parts: ExitStack
    began: float = field(default_factory=time.time)
    counting: list[stack.Program] = field(default_factory=list)
    interrupted: int = 0

    @property
    def has_segment(self) -> bool:
        return self.where["DATACLAY_METRICS_DIR"] != "none"

    def pushing(self) -> dict[str, str]:
        """Returns the variables of a program that pushes."""
        return self._exporting("pushgateway", self.gateway.port)

    def scraped(self) -> dict[str, str]:
        """Returns the variables of a program that Prometheus scrapes."""
        return self._exporting("http", self.port)

    def _exporting(self, exporter: str, port: int) -> dict[str, str]:
        variables = stack.exporting(exporter, port) | self.where
        return variables | {"DATACLAY_METRICS_PUSH_INTERVAL": PUSH_INTERVAL}

    def client(self, code: str, variables: dict[str, str]) -> stack.Program:
        """Starts a client that counts."""
        program = self.dataclay.client(code, way="pth", **variables)
        self.counting.append(program)
        return program

    def backend(self, storage: Path | None = None) -> stack.Program:
        """Starts a backend that counts."""
        program = self.dataclay.backend(storage, way="pth", **self.scraped())
        self.counting.append(program)
        return program

    def load(self) -> stack.Program:
        """Starts a client without metrics that uses the backend until it is ended."""
        program = self.dataclay.client(programs.BACKEND_LOAD, way="upstream")
        program.wait_for_line("ready")
        return program

    def end(self, program: stack.Program, number: int) -> None:
        """Ends a program by a signal, at any of its instructions, and waits for the end."""
        program.process.send_signal(number)
        program.wait()
        self.interrupted += 1

    def forget(self, backend: stack.Program) -> None:
        """Deletes a killed backend from Redis. Otherwise dataClay refuses its id."""
        assert backend.storage is not None
        name = "/backend/" + (backend.storage / "BACKEND_ID").read_text().strip()
        command = ["redis-cli", "-p", str(self.dataclay.redis_port), "del", name]
        assert subprocess.run(command, check=True, capture_output=True).stdout == b"1\n"

    def serve(self) -> None:
        """Starts `dataclay-metrics serve`. Prometheus scrapes all identities there."""
        self._resident("--port", str(self.port), ready=lambda: servers.listens(self.port))

    def push(self) -> None:
        """Starts `dataclay-metrics serve`, which pushes every identity each second."""
        self._resident("--push", self.gateway.address, "--interval", "1", ready=lambda: True)

    def _resident(self, *arguments: str, ready: Callable[[], bool]) -> None:
        command = [self.dataclay.python, "-m", "dataclay_metrics", "serve", *arguments]
        command += ["--dir", self.where["DATACLAY_METRICS_DIR"]]
        log = self.dataclay.directory / "serve.log"
        self._parts.enter_context(servers.program(command, log, ready))

    def figures(self) -> Figures:
        """Waits for a scrape after the last program has ended. Returns all figures."""
        ended = time.time() + RESIDENT_PUSHES
        servers.wait_for(lambda: min(self._query("timestamp(up)")) > ended, True, 60)
        seconds = int(time.time() - self.began) + 1
        series = [list(values) for name in NAMES for values in self._samples(name, seconds)]
        return Figures(
            log=sum(program.lookups()[0] for program in self.counting),
            uncertain=self.interrupted,
            total=sum(sum(self._query(name)) for name in NAMES),
            increase=sum(sum(self._query(f"increase({n}[{seconds}s])")) for n in NAMES),
            seen=sum(map(increase_of, series)),
            first=sum(values[0] for values in series),
            groups=len(self.gateway.groups()),
            resets=sum(sum(self._query(f"resets({n}[{seconds}s])")) for n in NAMES),
        )

    def _query(self, expression: str) -> list[float]:
        return self.prometheus.query(expression)

    def _samples(self, name: str, seconds: int) -> Iterator[list[float]]:
        """Yields the samples of each series of this name."""
        query = quote(f"{name}[{seconds}s]", safe="")
        response = json.loads(
            servers.get(f"http://{self.prometheus.address}/api/v1/query?query={query}")
        )
        for series in response["data"]["result"]:
            yield [float(value) for _, value in series["values"]]


def increase_of(values: Iterable[float]) -> float:
    """Returns the increase of a series. A decrease is a reset to zero, as in Prometheus."""
    total, before = 0.0, None
    for value in values:
        if before is not None:
            total += value - before if value >= before else value
        before = value
    return total


@contextmanager
def running(counts: str, has_backend: bool, interval: int) -> Iterator[Run]:
    """Runs an empty dataClay, Prometheus and Pushgateway during the block.

    `counts` is private, segment or start-times. The last is a segment with start times.
    """
    with ExitStack() as parts:
        directory = Path(parts.enter_context(TemporaryDirectory(prefix="outlive-")))
        segments = parts.enter_context(TemporaryDirectory(prefix="outlive-", dir="/dev/shm"))
        where = {"DATACLAY_METRICS_DIR": "none" if counts == "private" else segments}
        options: tuple[str, ...] = ()
        if counts == "start-times":
            where["DATACLAY_METRICS_PUSH_FORMAT"] = "protobuf"
            options = (START_TIMES,)
        gateway = parts.enter_context(servers.pushgateway(directory, generation="-next"))
        port = servers.free_port()
        targets = {"pushgateway": gateway.address, "scraped": f"127.0.0.1:{port}"}
        prometheus = parts.enter_context(
            servers.prometheus(directory, targets, "-next", options, f"{interval}s")
        )
        dataclay = parts.enter_context(stack.running(directory))
        dataclay.metadata(way="upstream")
        if has_backend:
            dataclay.backend(way="upstream")
        yield Run(dataclay, gateway, prometheus, port, where, parts)
