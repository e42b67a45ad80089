"""Starts the real dataClay on loopback: Redis, metadata service, backends and clients."""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import interpreter
import servers

HITS = "dataclay_inmemory_hits_total"
MISSES = "dataclay_inmemory_misses_total"

# Arguments and variables that install the package in a dataClay program, by way of installation.
WAYS: dict[str, tuple[list[str], dict[str, str]]] = {
    "pth": ([], {"DATACLAY_METRICS_INSTALL": "true"}),
    "launcher": (["-m", "dataclay_metrics", "run"], {}),
    "code": (
        [
            "-c",
            # Arguments follow: -m MODULE, or a script.
            (
                "import runpy, sys, dataclay_metrics\n"
                "dataclay_metrics.install()\n"
                "if sys.argv[1] == '-m':\n"
                "    runpy.run_module(sys.argv[2], run_name='__main__', alter_sys=True)\n"
                "else:\n"
                "    del sys.argv[0]\n"
                "    runpy.run_path(sys.argv[0], run_name='__main__')\n"
            ),
        ],
        {},
    ),
    "upstream": ([], {}),  # the metrics of dataClay without this package
}


# Functions that every client has: scrape an endpoint, read a value of the scrape, wait for a file.
PREAMBLE = """
import os, re, sys, time
from urllib.request import urlopen

def scrape(port):
    return urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()

def value(text, name):
    return float(re.search(rf"^{name} (.+)$", text, re.M)[1])

def wait_for(file):
    deadline = time.monotonic() + 100  # a test that has failed creates no file
    while not os.path.exists(file) and time.monotonic() < deadline:
        time.sleep(0.01)
"""

# A client that makes ten objects and looks up each of them twice. `held` keeps them in memory.
WORK = """
from dataclay import Client
from dataclay.config import get_runtime
from dataclay.event_loop import run_dc_coroutine
from dataclay.contrib.modeltest.family import Family, Person
client = Client()
client.start()
ids = []
for n in range(10):
    person = Person(str(n), n)
    person.make_persistent()
    ids.append(person._dc_meta.id)
del person
held = [run_dc_coroutine(get_runtime().get_object_by_id, id) for id in ids]
for id in ids:
    run_dc_coroutine(get_runtime().get_object_by_id, id)
"""
STOP = """
print("stopping", time.time(), flush=True)
client.stop()
"""


def exporting(exporter: str, port: int | None, **variables: str) -> dict[str, str]:
    """Returns the environment variables that enable metrics and select their exporter."""
    of_port = {} if port is None else {"DATACLAY_METRICS_PORT": str(port)}
    return {
        "DATACLAY_METRICS": "true",
        "DATACLAY_METRICS_EXPORTER": exporter,
        "DATACLAY_METRICS_HOST": "127.0.0.1",
        "DATACLAY_METRICS_PUSH_INTERVAL": "1",
        **of_port,
        **variables,
    }


@dataclass
class Program:
    """A dataClay process that writes its output to a file."""

    process: "subprocess.Popen[bytes]"
    log: Path
    storage: Path | None = None
    port: int = 0

    def text(self) -> str:
        return self.log.read_text()

    def lookups(self) -> tuple[int, int]:
        """Counts the lookups and the misses in its DEBUG log."""
        text = self.text()
        return (
            len(re.findall("Getting dataclay object by id", text)),
            len(re.findall("Object not found in inmemory_objects", text)),
        )

    def touch(self, name: str) -> None:
        """Creates the file that the program waits for, in its working directory."""
        (self.log.parent / name).touch()

    def lines(self, what: str) -> list[str]:
        """Returns the lines of its log that contain ``what``."""
        return [line for line in self.text().splitlines() if what in line]

    def wait_for_success(self) -> "Program":
        """Waits until it ends. Fails if the status is not 0."""
        self.wait()
        assert self.process.returncode == 0, self.text()
        return self

    def wait_for_line(self, line: str) -> None:
        """Waits until its output contains ``line``. Fails if it ends before."""

        def seen() -> bool:
            if self._has_ended() and line not in self.text():
                status = self.process.wait()
                raise AssertionError(f"ended with status {status}:\n{self.text()}")
            return line in self.text()

        servers.wait_for(seen, True)

    def wait(self) -> float:
        """Waits until it ends. Returns the duration in seconds."""
        began = time.monotonic()
        self.process.wait(interpreter.TIMEOUT)
        return time.monotonic() - began

    def terminate(self) -> float:
        """Sends SIGTERM, as an orchestrator does. Returns what ``seconds_to_end`` returns."""
        self.process.send_signal(signal.SIGTERM)
        return self.seconds_to_end()

    def seconds_to_end(self) -> float:
        """Waits until it ends. Returns the seconds.

        Time that its first thread spends in the queue for a processor does not count.
        """
        queued = _seconds_in_queue(self.process.pid)
        began = time.monotonic()
        servers.wait_for(lambda: self._has_ended(), True, interpreter.TIMEOUT)
        seconds = time.monotonic() - began - (_seconds_in_queue(self.process.pid) - queued)
        self.process.wait()
        return seconds

    def _has_ended(self) -> bool:
        """Returns whether it has ended. The zombie remains, so that /proc keeps its figures."""
        if self.process.returncode is not None:
            return True
        options = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self.process.pid, options) is not None


def _seconds_in_queue(pid: int) -> float:
    """Returns the seconds for which the first thread of a process was ready but did not run."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9


@dataclass
class Stack:
    """Redis and the dataClay programs that use it."""

    directory: Path
    redis_port: int
    python: str = interpreter.PYTHON
    metadata_port: int = field(default_factory=servers.free_port)
    runtime: Path | None = None
    """The XDG_RUNTIME_DIR of all programs. Without it, each program has a separate one."""
    _exit_stack: ExitStack = field(default_factory=ExitStack)
    _count: int = 0

    def start(
        self, *arguments: str, way: str, dotenv: str | None = None, **variables: str
    ) -> Program:
        """Starts ``python ARGUMENTS`` in a new directory, with its output in a file.

        ``dotenv`` is the content of the file .env in that directory.
        """
        before, switch = WAYS[way]
        self._count += 1
        directory = self.directory / str(self._count)
        directory.mkdir()
        if dotenv is not None:
            (directory / ".env").write_text(dotenv)
        log = directory / "log"
        environment = interpreter.environment(
            {
                "PYTHONUNBUFFERED": "1",
                "DATACLAY_KV_HOST": "127.0.0.1",
                "DATACLAY_KV_PORT": str(self.redis_port),
                "DATACLAY_METADATA_HOST": "127.0.0.1",
                "DATACLAY_METADATA_PORT": str(self.metadata_port),
                "DATACLAY_METADATA_LISTEN_ADDRESS": "127.0.0.1",
                "DATACLAY_BACKEND_HOST": "127.0.0.1",
                "DATACLAY_BACKEND_LISTEN_ADDRESS": "127.0.0.1",
                "DATACLAY_SHUTDOWN_GRACE_PERIOD": "1",
                "DATACLAY_MEMORY_THRESHOLD_HIGH": "0.99",
                "DATACLAY_LOGLEVEL": "DEBUG",
                "XDG_RUNTIME_DIR": str(
                    self.runtime or self._exit_stack.enter_context(tmpfs_directory())
                ),
            }
            | switch
            | variables
        )
        with log.open("wb") as output:
            process = subprocess.Popen(
                [self.python, *before, *arguments],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # as in `servers.program`
            )
        self._exit_stack.callback(_kill, process, log)
        return Program(process, log)

    def metadata(self, *, way: str, **variables: str) -> Program:
        program = self.start("-m", "dataclay.metadata", way=way, **variables)
        program.wait_for_line("MetadataService started")
        return program

    def backend(self, storage: Path | None = None, /, *, way: str, **variables: str) -> Program:
        """Starts a backend. One with the ``storage`` of an earlier one has its identity too."""
        storage = storage or self.directory / f"storage-{self._count}"
        storage.mkdir(exist_ok=True)
        port = servers.free_port()
        program = self.start(
            "-m",
            "dataclay.backend",
            way=way,
            DATACLAY_BACKEND_PORT=str(port),
            DATACLAY_STORAGE_PATH=str(storage),
            **variables,
        )
        program.storage, program.port = storage, port
        program.wait_for_line("Backend service started")
        return program

    def proxy(self, *, way: str, **variables: str) -> Program:
        program = self.start(
            "-m",
            "dataclay.proxy",
            way=way,
            DATACLAY_PROXY_PORT=str(servers.free_port()),
            DATACLAY_PROXY_LISTEN_ADDRESS="127.0.0.1",
            DATACLAY_PROXY_MDS_HOST="127.0.0.1",
            DATACLAY_PROXY_MDS_PORT=str(self.metadata_port),
            **variables,
        )
        program.wait_for_line("Proxy service listening")
        return program

    def client(
        self, code: str, *, way: str, dotenv: str | None = None, **variables: str
    ) -> Program:
        """Runs ``code`` as a script, with the functions of ``PREAMBLE``."""
        script = self.directory / f"client-{self._count}.py"
        script.write_text(PREAMBLE + code)
        return self.start(str(script), way=way, dotenv=dotenv, **variables)


@contextmanager
def tmpfs_directory() -> Iterator[Path]:
    """Creates a directory in tmpfs for the block."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="dataclay-metrics-tests-") as path:
        yield Path(path)


def _kill(process: "subprocess.Popen[bytes]", log: Path) -> None:
    process.kill()
    process.wait()
    # pytest shows this if the test fails.
    print(f"--- {process.args!r}\n{log.read_text()[-6000:]}")


@contextmanager
def running(directory: Path, python: str = interpreter.PYTHON) -> Iterator[Stack]:
    """Runs an empty Redis during the block. Stops all programs of the stack at the end."""
    port = servers.free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1"]
    command += ["--save", "", "--appendonly", "no", "--dir", str(directory)]
    log = directory / "redis.log"
    with servers.program(command, log, lambda: servers.listens(port)):
        stack = Stack(directory, port, python)
        with stack._exit_stack:
            yield stack
