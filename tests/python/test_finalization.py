"""Tests that a process does not abort if its interpreter ends while callbacks run."""

import subprocess
import sys
from pathlib import Path

import dataclay_metrics
import interpreter
import pytest

# Lists every CPython of the machine. tests/wheel.sh does not copy it.
FINDER = Path(__file__).parent.parent / "interpreters.py"

# The scripts have callbacks that still run when the interpreter ends. `ending` is set during
# finalization. `exiting` is set before it, but after the last exit function of the package, because
# the exit function that is registered first runs last.
PROLOGUE = """
import atexit, socket, sys, threading, time

exiting, ending = threading.Event(), threading.Event()
atexit.register(lambda: (exiting.set(), time.sleep(0.2)))
import dataclay_metrics as metrics

class Ending:
    def __del__(self, ending=ending, sleep=time.sleep):
        ending.set()
        sleep(0.5)  # the woken threads run
        print("finalized", flush=True)

started = []

def callback(body):
    begun = threading.Event()
    started.append(begun)
    def run():
        begun.set()
        return body()
    return run

def scrape_until_all_are_called():
    server = metrics.start_http_server(0, addr="127.0.0.1")
    peer = socket.create_connection(("127.0.0.1", server.port))
    peer.sendall(b"GET /metrics HTTP/1.1\\r\\n\\r\\n")
    for begun in started:
        assert begun.wait(60)
    sys.modules["ending"] = Ending()
"""

SCENARIOS = {
    "waits": "metrics.dataclay_inmemory_objects.set_function(callback(ending.wait))",
    "is busy": """
def busy():
    while True:
        pass
metrics.dataclay_inmemory_objects.set_function(callback(busy))
""",
    "returns late": "metrics.dataclay_inmemory_objects.set_function(callback(exiting.wait))",
    "converts": """
class Number:
    def __float__(self):
        return float(convert())
convert = callback(ending.wait)
metrics.dataclay_inmemory_objects.set_function(Number)
""",
    "collects": """
class Collector:
    def describe(self):
        return []
    def collect(self):
        yield begin()
begin = callback(ending.wait)
metrics.REGISTRY.register(Collector())
""",
    "imports": """
class Finder:
    def find_spec(name, path=None, target=None, wait=callback(ending.wait)):
        if name == "logging":
            wait()
def fail():
    del sys.modules["logging"]
    sys.meta_path.insert(0, Finder)
    return 1 / 0
metrics.dataclay_inmemory_objects.set_function(fail)
""",
    "logs": """
import logging
metrics.dataclay_inmemory_objects.set_function(lambda: 1 / 0)
logging.getLogger("dataclay_metrics").addFilter(lambda _, wait=callback(ending.wait): wait())
""",
}


def interpreters() -> list[str]:
    """Returns the CPython interpreters of the machine, or the one for tests."""
    if not FINDER.exists():
        return [interpreter.PYTHON]
    found = subprocess.run([sys.executable, FINDER], capture_output=True, text=True, check=True)
    return found.stdout.split()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_thread_in_application_code_does_not_abort_the_process(scenario: str) -> None:
    code = PROLOGUE + SCENARIOS[scenario] + "\nscrape_until_all_are_called()\n"
    package = Path(dataclay_metrics.__file__).parent.parent
    environment = interpreter.environment({"PYTHONPATH": str(package)})
    running = {
        python: subprocess.Popen(
            [python, "-c", code],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for python in interpreters()
    }
    try:
        for python, process in running.items():
            out, errors = process.communicate(timeout=interpreter.TIMEOUT)
            assert (process.returncode, out) == (0, "finalized\n"), (python, errors)
            assert "Traceback" not in errors, (python, errors)
    finally:
        for process in running.values():
            process.kill()
