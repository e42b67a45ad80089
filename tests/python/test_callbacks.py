"""Tests that a scrape gets a response whatever callbacks and collectors do."""

import interpreter
import pytest

SERVED = """
import logging, sys, threading, time
import dataclay_metrics as metrics

logging.basicConfig(level="WARNING")
server = metrics.start_http_server(0, addr="127.0.0.1")
metrics.dataclay_inmemory_hits_total.inc(7)

FUNCTIONS = 2.5  # seconds for callbacks, half a second less than the timeout of the scrape

def scraped():
    import socket
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as scrape:
        timeout = f"X-Prometheus-Scrape-Timeout-Seconds: {FUNCTIONS + 0.5}\\r\\n"
        scrape.sendall(f"GET /metrics HTTP/1.1\\r\\n{timeout}\\r\\n".encode())
        with scrape.makefile() as response:
            page = response.read()
    assert "\\ndataclay_inmemory_hits_total 7\\n" in page, page
    return page
"""


@pytest.mark.timed
def test_a_failing_callback_omits_only_its_sample() -> None:
    code = """
metrics.dataclay_inmemory_objects.set_function(threading.Event().wait)
metrics.dataclay_loaded_objects.set_function(lambda: 1 / 0)
metrics.dataclay_stored_objects.set_function(lambda: "rubbish")
metrics.Gauge("works", "").set_function(lambda: 3)

class Hangs:
    def describe(self):
        return []
    def collect(self):
        threading.Event().wait()
metrics.REGISTRY.register(Hangs())
has_waited = []
for _ in range(3):
    began = time.monotonic()
    page = scraped()
    has_waited.append(time.monotonic() - began >= FUNCTIONS)
    assert "\\nworks 3" in page, page
    for name in ("inmemory", "loaded", "stored"):
        assert f"\\ndataclay_{name}_objects " not in page, page
assert "dataclay_metrics_callback_failures_total 15\\n" in scraped()
print(has_waited)
"""
    ended = interpreter.run("-c", SERVED + code)
    assert (ended.status, ended.stdout) == (0, "[True, False, False]\n"), ended.stderr
    logged = [line for line in ended.stderr.splitlines() if line.startswith("WARNING")]
    assert len(logged) == 4, logged
    for name in ("inmemory", "loaded", "stored"):
        assert sum(f"dataclay_{name}_objects" in line for line in logged) == 1, logged


def test_a_callback_may_use_every_metric_and_fork() -> None:
    code = """
import os
def value():
    metrics.Counter("made_by_a_function", "", registry=None).inc(0.5)
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return metrics.dataclay_inmemory_hits_total.get()
metrics.dataclay_inmemory_objects.set_function(value)
scraped()
print("\\ndataclay_inmemory_objects 7" in metrics.generate_latest().decode())
print("\\ndataclay_loaded_objects 0\\n" in scraped())
"""
    ended = interpreter.run("-c", SERVED + code)
    assert (ended.status, ended.stdout) == (0, "True\nTrue\n"), ended.stderr


@pytest.mark.timed
def test_a_scrape_without_callbacks_does_not_wait_for_the_interpreter() -> None:
    code = """
import os, signal, ctypes
from subprocess import PIPE, Popen
scrape = f"exec 3<>/dev/tcp/127.0.0.1/{server.port}; printf 'GET /metrics HTTP/1.1\\\\r\\\\n\\\\r\\\\n' >&3; cat <&3"
peer = Popen(["bash", "-c", "read; " + scrape], stdin=PIPE, stdout=PIPE)
peer.stdin.write(b"go\\n")
peer.stdin.flush()
# This holds the lock of the interpreter, because PyDLL does not release it.
ctypes.PyDLL(None).usleep(2_000_000)
# The pipe already has the whole response.
os.set_blocking(peer.stdout.fileno(), False)
print(b"dataclay_inmemory_hits_total 7" in peer.stdout.read())
peer.kill()
peer.wait()
"""
    ended = interpreter.run("-c", SERVED + code)
    assert (ended.status, ended.stdout) == (0, "True\n"), ended.stderr


@pytest.mark.timed
def test_a_scrape_has_all_samples_while_the_interpreter_is_busy() -> None:
    """Sorts in one thread without a pause. A sort holds the interpreter until it ends."""
    code = """
import random, subprocess
from dataclay_metrics.core import GaugeMetricFamily

class Cheap:
    def collect(self):
        yield GaugeMetricFamily("cheap", "", value=1)

metrics.REGISTRY.register(Cheap())
queue = metrics.Gauge("queue_length", "", ["name"])
for name in ("first", "second", "third"):
    queue.labels(name).set_function(lambda: 3)
scraper = '''
import sys, time, urllib.request
missing, waits = 0, []
for _ in range(10):
    for path, lines in (("metrics", 4), ("-/healthy", 0)):
        began = time.monotonic()
        page = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/{path}", timeout=30).read()
        missing += page.count(b"queue_length{name=") + page.count(b"cheap 1") != lines
        if not lines:
            waits.append(time.monotonic() - began)
waits.sort()
print(missing, "scrapes with gaps; others", "wait" if waits[5] > float(sys.argv[2]) else "do not wait")
'''
data = [random.random() for _ in range(700_000)]
began = time.monotonic()
sorted(data)
# A request that waits for the interpreter waits for half a sort on average.
long = (time.monotonic() - began) / 4
command = [sys.executable, "-c", scraper, str(server.port), str(long)]
scraping = subprocess.Popen(command, stdout=subprocess.PIPE)
while scraping.poll() is None:
    sorted(data)
print(scraping.stdout.read().decode(), end="")
print("dataclay_metrics_callback_failures_total 0\\n" in scraped())
"""
    ended = interpreter.run("-c", SERVED + code)
    expected = "0 scrapes with gaps; others do not wait\nTrue\n"
    assert (ended.status, ended.stdout, ended.stderr) == (0, expected, "")


def test_a_scrape_waits_until_a_file_descriptor_is_free() -> None:
    code = """
import os, resource, socket
logged = threading.Event()
logging.getLogger("dataclay_metrics").addFilter(lambda _: logged.set() or True)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
taken = []
try:
    while True:
        taken.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
os.close(taken.pop())
scrape = socket.create_connection(("127.0.0.1", server.port), timeout=30)
scrape.sendall(b"GET /metrics HTTP/1.1\\r\\n\\r\\n")
assert logged.wait(30)  # the endpoint has no descriptor to accept the connection
for descriptor in taken:
    os.close(descriptor)
print("dataclay_inmemory_hits_total 7" in scrape.makefile().read())
scraped()
"""
    ended = interpreter.run("-c", SERVED + code)
    assert (ended.status, ended.stdout) == (0, "True\n"), ended.stderr
    assert ended.stderr.count("cannot accept a scrape") == 1, ended.stderr


def test_one_free_file_descriptor_is_enough_for_scrapes() -> None:
    code = """
import os, resource
from subprocess import PIPE, Popen
scrape = f"exec 3<>/dev/tcp/127.0.0.1/{server.port}; printf 'GET /metrics HTTP/1.1\\r\\n\\r\\n' >&3; cat <&3"
peer = Popen(["bash", "-c", f"read; for _ in 1 2 3; do ({scrape}); done"], stdin=PIPE, stdout=PIPE)
top = os.dup(0)
os.close(top)
resource.setrlimit(resource.RLIMIT_NOFILE, (top + 1, 4096))
peer.stdin.write(b"go\\n")
peer.stdin.flush()
pages = peer.stdout.read()
peer.wait()
print(pages.count(b"\\ndataclay_inmemory_hits_total 7\\n"))
"""
    ended = interpreter.run("-c", SERVED + code)
    assert (ended.status, ended.stdout, ended.stderr) == (0, "3\n", "")
