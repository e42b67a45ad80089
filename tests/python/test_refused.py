"""Tests what happens when the system refuses a thread, and that the process never freezes."""

import os

import interpreter
import pytest

# Imports first: they may need threads and files that the new user cannot have.
BEFORE = """
import encodings.idna, http.client, importlib, logging, os, resource, socket, stringprep, sys, threading
import time, unicodedata
logging.basicConfig(format="%(message)s", stream=sys.stdout)
import dataclay_metrics as metrics, dataclay_metrics.export, dataclay_metrics.gateway
import dataclay_metrics.client.errors, dataclay_metrics.handlers
push = metrics.push_to_gateway

def with_threads(number):
    # A user of its own, so that the limit counts this process alone.
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
print("process_" in scrape(port))
limit()  # this process, and the exporter's thread or the child
child = os.fork()
if child == 0:
    time.sleep(0.5)
    os._exit(0)
os.waitpid(child, 0)
limit(1000)
if sys.argv[1] == "read":
    exporter.url
else:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
time.sleep(0.3)
text = scrape(port)
print("dataclay_metrics_start_failures_total 1" in text)
time.sleep(0.3)
os._exit(0)
"""


@NEEDS_ROOT
@pytest.mark.parametrize("how", ["read", "fork"])
def test_an_exporter_without_a_thread_after_a_fork_starts_again(how: str) -> None:
    ended = interpreter.run("-c", BEFORE + FORK, how)
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
        print("OSError", error)
limit(1000)
exporter = metrics.start_http_server(0, "127.0.0.1")
print("start_failures_total 0" in scrape(exporter.port))
os._exit(0)
"""


@NEEDS_ROOT
def test_a_start_that_the_system_refuses_raises() -> None:
    ended = interpreter.run("-c", BEFORE + START)
    first, second, works = ended.stdout.splitlines()
    for line in (first, second):
        assert line.startswith("OSError cannot start a thread: "), ended
    assert works == "True"


PUSH = """
got = [0]
server = socket.create_server(("", 0))

def serve():
    while True:
        peer, _ = server.accept()
        peer.recv(1 << 20)
        got[0] += 1
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
time.sleep(0.5)
limit()
before = got[0]
registry = metrics.CollectorRegistry()
push(f"{name}:{port}", "j", registry, timeout=5)
try:
    push("no-such-name.invalid:9", "j", registry, timeout=5)
except OSError as error:
    print("refused", type(error).__name__)
time.sleep(0.7)
print(got[0] > before + 1)
os._exit(0)
"""


@NEEDS_ROOT
def test_a_push_needs_no_thread_that_the_system_refuses() -> None:
    ended = interpreter.run("-c", BEFORE + PUSH)
    lines = ended.stdout.splitlines()
    assert lines[-1] == "True", ended
    assert any(line.startswith("refused ") for line in lines), ended


FULL = """
import logging, time
import dataclay_metrics as metrics

lines = []

class Keep(logging.Handler):
    def emit(self, record):
        lines.append((record.levelname, record.getMessage()))
        # A handler may use the family that is full.
        family.labels("another").inc()

logging.getLogger("dataclay_metrics").addHandler(Keep())
family = metrics.Counter("many", "h", ["k"], registry=None, max_children=3)
for number in range(20):
    family.labels(str(number)).inc()
for _ in range(200):
    if lines:
        break
    time.sleep(0.05)
time.sleep(0.2)
(level, message), = lines
print(level, "many_total" in message, "max_children=3" in message)
"""


def test_a_full_family_is_logged_once() -> None:
    assert interpreter.output(FULL).split() == ["WARNING", "True", "True"]


STILL = """
import gc, sys, threading, time, urllib.request
import dataclay_metrics as metrics
from dataclay_metrics import _native

registry = metrics.CollectorRegistry()
gauge = metrics.Gauge("g", "h", registry=registry)
gauge.set_function(lambda: time.sleep(0.3) or 1)
exporter = _native.HttpExporter(registry, "127.0.0.1", 0)
url, gap, over = exporter.url, 0.0, False

def heart():
    global gap
    last = time.monotonic()
    while not over:
        time.sleep(0.005)
        now = time.monotonic()
        gap, last = max(gap, now - last), now

def scrape():
    try:
        urllib.request.urlopen(url, timeout=5).read()
    except OSError:
        pass

threads = [threading.Thread(target=heart), threading.Thread(target=scrape)]
for thread in threads:
    thread.start()
time.sleep(0.1)  # the scrape is in the gauge's function
if sys.argv[1] == "forgotten":
    del exporter
    gc.collect()
else:
    stopping = threading.Thread(target=exporter.stop)
    stopping.start()
    time.sleep(0.05)
    getattr(exporter, sys.argv[1]), repr(exporter), exporter.host
    stopping.join()
over = True
for thread in threads:
    thread.join()
print(gap)
"""


@pytest.mark.timed
@pytest.mark.parametrize("how", ["url", "port", "forgotten"])
def test_an_exporter_that_ends_does_not_block_other_threads(how: str) -> None:
    ended = interpreter.run("-c", STILL, how)
    assert ended.status == 0, ended
    assert float(ended.stdout) < 0.25
