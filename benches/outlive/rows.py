"""The rows of the table. Each is something that users do to processes that count."""

import random
import shlex
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import programs
from run import Run
from stack import Program

_RANDOM = random.Random(12)
SHORT = 0.4  # seconds that a short client looks objects up


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    name: str
    title: str
    run: Callable[[Run, int], None]
    clients: int = 0
    """The number of clients. A quick run has a fifth of them, and at least two."""
    interval: int = 1
    """Seconds between two scrapes; at most five in a quick run."""
    has_backend: bool = True
    """Whether a backend without metrics runs, on which the clients work."""

    def quick(self) -> "Row":
        """Returns the same row with fewer clients."""
        return replace(self, clients=max(self.clients // 5, 2), interval=min(self.interval, 5))

    def __str__(self) -> str:
        return self.title.format(clients=self.clients, interval=self.interval)


def pushed(run: Run, clients: int) -> None:
    """Runs clients that push."""
    for _ in range(clients):
        run.client(programs.client(SHORT), run.pushing()).wait_for_success()


def scraped(run: Run, clients: int) -> None:
    """Runs clients that a resident serves, or that serve themselves."""
    if run.has_segment:
        run.serve()
    for _ in range(clients):
        run.client(programs.client(SHORT), run.scraped()).wait_for_success()


def killed(run: Run, clients: int) -> None:
    """Kills clients. The last client ends by itself, and pushes."""
    for _ in range(clients // 2):
        for client in _start_clients(run, 2):
            time.sleep(_RANDOM.uniform(0, 1))
            run.end(client, signal.SIGKILL)
    run.client(programs.client(SHORT), run.pushing()).wait_for_success()


def terminated(run: Run, clients: int) -> None:
    """Ends clients by SIGTERM. They do not push after it, but the resident of the node does."""
    if run.has_segment:
        run.push()
    for _ in range(clients // 2):
        for client in _start_clients(run, 2):
            time.sleep(_RANDOM.uniform(0, 1))
            run.end(client, signal.SIGTERM)


def at_once(run: Run, clients: int) -> None:
    """Runs clients that push at the same time."""
    code = programs.client(3)
    for client in [run.client(code, run.pushing()) for _ in range(clients)]:
        client.wait_for_success()


def backend(run: Run, _: int) -> None:
    """Kills a backend under load, and starts it again with its storage."""
    storage: Path | None = None
    for seconds in (3, 3, 3):
        served, load = _under_load(run, storage, seconds)
        run.end(served, signal.SIGKILL)
        _end(load)
        storage = served.storage
        run.forget(served)
    _end(_under_load(run, storage, 3)[1])


def fast_restarts(run: Run, _: int) -> None:
    """Restarts backends. Each runs longer than the one before it, so its count becomes larger."""
    storage: Path | None = None
    for seconds in (1, 2, 4):
        served, load = _under_load(run, storage, seconds)
        _end(load)
        served.terminate()
        storage = served.storage
    _end(_under_load(run, storage, 8)[1])


def forks(run: Run, clients: int) -> None:
    """Runs clients that fork."""
    for _ in range(clients):
        run.client(programs.FORKS, run.pushing()).wait_for_success()


def containers(run: Run, _: int) -> None:
    """Runs two clients at once, each as process 1 of a host `app` with its own /dev/shm."""
    outside, script = run.dataclay.python, run.dataclay.directory / "container"
    hosts = run.dataclay.directory / "hosts"
    hosts.write_text("127.0.0.1 localhost app\n")  # dataClay resolves the name of its host
    inside = "hostname app && mount -t tmpfs -o mode=1777 tmpfs /dev/shm"
    inside += f" && mount --bind {shlex.quote(str(hosts))} /etc/hosts"
    inside += f' && exec env -u XDG_RUNTIME_DIR {shlex.quote(outside)} "$@"'
    script.write_text(
        "#!/bin/sh\nexec unshare --pid --fork --kill-child --uts --mount --mount-proc"
        f' sh -c {shlex.quote(inside)} sh "$@"\n'
    )
    script.chmod(0o700)
    variables = run.pushing()
    if run.has_segment:
        variables["DATACLAY_METRICS_DIR"] = "auto"  # in the container's /dev/shm
    run.dataclay.python = str(script)
    for seconds in (3.0, 1.0):
        code = programs.client(seconds)
        for client in [run.client(code, variables) for _ in range(2)]:
            client.wait_for_success()


def _start_clients(run: Run, number: int) -> list[Program]:
    """Starts clients that look objects up until they are ended. Returns when they are ready."""
    clients = [run.client(programs.client(60), run.pushing()) for _ in range(number)]
    for client in clients:
        client.wait_for_line("ready")
    return clients


def _under_load(run: Run, storage: Path | None, seconds: float) -> tuple[Program, Program]:
    """Starts a backend and a client. Returns after `seconds`, while the client still works."""
    served = run.backend(storage)
    load = run.load()
    time.sleep(seconds)
    return served, load


def _end(program: Program) -> None:
    program.process.kill()
    program.process.wait()


ROWS = [
    Row("pushed", "{clients} clients of 0.4 s, one after another, pushed", pushed, 50),
    Row("scraped", "the same, scraped", scraped, 50),
    Row("killed", "{clients} clients ended by SIGKILL, pushed", killed, 20),
    Row("terminated", "{clients} clients ended by SIGTERM, pushed", terminated, 20),
    Row("at-once", "{clients} clients at once, pushed", at_once, 8),
    Row("backend", "a backend killed and restarted, scraped", backend, has_backend=False),
    Row(
        "fast-restarts",
        "a backend restarted faster than it is scraped, every {interval} s",
        fast_restarts,
        interval=15,
        has_backend=False,
    ),
    Row("forks", "{clients} clients that fork: `os._exit`, `Pool.terminate()`, pushed", forks, 5),
    Row("containers", "two containers of one hostname, each client process 1, pushed", containers),
]
