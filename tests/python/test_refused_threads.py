"""Tests exporters and pushes when the system refuses a thread."""

import os

import interpreter
import pytest

# All imports come first, because the new user may not be able to open files or start threads.
PREAMBLE = """
import encodings.idna, http.client, importlib, logging, os, resource, socket, stringprep, sys, threading
import time, unicodedata
import dataclay_metrics as metrics, dataclay_metrics.export, dataclay_metrics.gateway
import dataclay_metrics.client.errors, dataclay_metrics.handlers
push = metrics.push_to_gateway

lines = []

class Handler(logging.Handler):
    def emit(self, record):
        lines.append(record.getMessage())
        print(lines[-1], flush=True)

logging.getLogger("dataclay_metrics").addHandler(Handler())

def wait_until(condition):
    deadline = time.monotonic() + 50
    while not condition():
        assert time.monotonic() < deadline, lines
        time.sleep(0.01)

def with_threads(number):
    # A separate user, because the limit counts all processes of a user.
    os.setgid(54321 + os.getpid() % 1000)
    os.setuid(54321 + os.getpid() % 1000)
    return lambda number=number: resource.setrlimit(resource.RLIMIT_NPROC, (number, 1000))

def scrape(port):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except OSError as error:
        return repr(error)
"""
NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="takes another user's identity")

FORK = """
limit = with_threads(2)
exporter = metrics.start_http_server(0, "127.0.0.1")
port = exporter.port
print("process_" in scrape(port), flush=True)
limit()  # this process, and the exporter's thread or the child
reader, writer = os.pipe()
child = os.fork()
if child == 0:
    # It lives until the fork has returned in the parent, which has tried to start the thread.
    os.close(writer)
    os.read(reader, 1)
    os._exit(0)
os.close(writer)
os.waitpid(child, 0)
limit(1000)
if sys.argv[1] == "read":
    exporter.url
else:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
wait_until(lambda: "dataclay_metrics_start_failures_total 1" in scrape(port))
wait_until(lambda: any("exports again" in line for line in lines))
print("True", flush=True)
os._exit(0)
"""


@NEEDS_ROOT
@pytest.mark.parametrize("how", ["read", "fork"])
def test_an_exporter_without_a_thread_after_a_fork_starts_again(how: str) -> None:
    ended = interpreter.run("-c", PREAMBLE + FORK, how)
    lines = ended.stdout.splitlines()
    assert [line for line in lines if line in ("True", "False")] == ["True", "True"], ended
    assert sum("is tried again" in line for line in lines) == 1, lines
    assert sum("exports again" in line for line in lines) == 1, lines


START = """
limit = with_threads(1)
limit()
variables = {"DATACLAY_METRICS_EXPORTER": "pushgateway", "DATACLAY_METRICS_HOST": "127.0.0.1"}
os.environ.update(variables)
for start in (lambda: metrics.start_http_server(0, "127.0.0.1"), metrics.start):
    try:
        start()
    except OSError as error:
        print("OSError", error, flush=True)
limit(1000)
exporter = metrics.start_http_server(0, "127.0.0.1")
print("start_failures_total 0" in scrape(exporter.port), flush=True)
os._exit(0)
"""


@NEEDS_ROOT
def test_a_start_that_the_system_refuses_raises() -> None:
    ended = interpreter.run("-c", PREAMBLE + START)
    first, second, works = ended.stdout.splitlines()
    for line in (first, second):
        assert line.startswith("OSError cannot start a thread: "), ended
    assert works == "True"


PUSH = """
requests = 0
server = socket.create_server(("", 0))

def serve():
    global requests
    while True:
        peer, _ = server.accept()
        peer.recv(1 << 20)
        requests += 1
        peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
        peer.close()

threading.Thread(target=serve, daemon=True).start()
limit = with_threads(1)
name, port = socket.gethostname(), server.getsockname()[1]
os.environ.update(
    DATACLAY_METRICS_EXPORTER="pushgateway", DATACLAY_METRICS_HOST=name,
    DATACLAY_METRICS_PORT=str(port), DATACLAY_METRICS_PUSH_INTERVAL="0.1",
)
metrics.start()
wait_until(lambda: requests > 0)
limit()
before = requests
registry = metrics.CollectorRegistry()
push(f"{name}:{port}", "j", registry, timeout=5)
try:
    push("no-such-name.invalid:9", "j", registry, timeout=5)
except OSError as error:
    print("refused", type(error).__name__, flush=True)
wait_until(lambda: requests > before + 1)
print("True", flush=True)
os._exit(0)
"""


@NEEDS_ROOT
def test_a_push_needs_no_thread_that_the_system_refuses() -> None:
    ended = interpreter.run("-c", PREAMBLE + PUSH)
    lines = ended.stdout.splitlines()
    assert lines[-1] == "True", ended
    assert any(line.startswith("refused ") for line in lines), ended
