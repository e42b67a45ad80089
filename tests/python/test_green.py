"""Tests programs that use gevent or eventlet, whose locks need the loop of the application."""

import signal
from importlib.util import find_spec
from pathlib import Path

import interpreter
import pytest
from servers import Pushgateway, free_port, get, listens, wait_for

LOOPS = ["gevent", "eventlet"]
PATCH = {
    "gevent": "from gevent import monkey; monkey.patch_all(); from gevent import spawn\n",
    "eventlet": "import eventlet; eventlet.monkey_patch(); from eventlet import spawn\n",
}
# One push at the start and one at the end, which may take long on a busy machine.
PUSHES = {"DATACLAY_METRICS_PUSH_INTERVAL": "60", "DATACLAY_METRICS_LAST_PUSH_TIMEOUT": "30"}
# Greenlets of the application hold a lock most of the time. A collector, the function of a gauge
# and a log handler acquire it.
PROGRAM = """
import io, logging, os, sys, threading, time
import dataclay_metrics as metrics
from dataclay_metrics.core import GaugeMetricFamily

lock = threading.Lock()
turns = 0

def work():
    global turns
    while True:
        with lock:
            turns += 1
            time.sleep(0.002)
        time.sleep(0.001)

def locked(value):  # returns the value, and holds the lock meanwhile
    with lock:
        time.sleep(0.001)
        return value

class Collector:
    def collect(self):
        yield GaugeMetricFamily("first", "", value=locked(1))
        yield GaugeMetricFamily("second", "", value=locked(2))

class Handler(logging.StreamHandler):
    def emit(self, record):
        with lock:
            super().emit(record)

logging.getLogger().addHandler(Handler())
registry = metrics.CollectorRegistry()
registry.register(Collector())
metrics.Gauge("third", "", registry=registry).set_function(lambda: locked(3))
LINES = ["first 1", "second 2", "third 3"]

def values(lines):
    return {line.partition(" ")[0]: float(line.partition(" ")[2]) for line in lines}

def complete(text):
    return values(line for line in text.decode().splitlines() if line[0] != "#") == values(LINES)

def application_runs():
    before, deadline = turns, time.monotonic() + 30
    while turns == before and time.monotonic() < deadline:
        time.sleep(0.01)
    return turns > before

for _ in range(3):
    threading.Thread(target=work, daemon=True).start()

# The long timeout gives callbacks enough time on a busy machine.
SCRAPE = '''
import sys, urllib.request
headers = {"X-Prometheus-Scrape-Timeout-Seconds": "50"}
request = urllib.request.Request(sys.argv[1], headers=headers)
for _ in range(5):
    print(urllib.request.urlopen(request, timeout=50).read())
'''

def scraped(exporter):
    from subprocess import PIPE, Popen
    with Popen([sys.executable, "-c", SCRAPE, exporter.url], stdout=PIPE) as peer:
        pages = peer.stdout.read().splitlines()
    return sum(complete(eval(page)) for page in pages)
"""


def skip_without(package: str) -> None:
    """Skips the test unless the package is installed. Importing it would change forks of pytest."""
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


def output(loop: str, code: str, *arguments: str, **variables: str) -> tuple[str, str]:
    skip_without(loop)
    ended = interpreter.run(
        "-W", "ignore", "-c", PATCH[loop] + PROGRAM + code, *arguments, **variables
    )
    assert ended.status == 0, ended.stderr
    return ended.stdout, ended.stderr


@pytest.mark.parametrize("loop", LOOPS)
def test_a_scrape_has_the_samples_of_callbacks_that_take_locks(loop: str) -> None:
    code = """
class Fails:
    def collect(self):
        yield GaugeMetricFamily("fourth", "", value=locked(4))
        raise ValueError("the fifth is missing")

exporter = metrics.start_http_server(0, "127.0.0.1", registry)
print(scraped(exporter), application_runs())
registry.register(Fails())
LINES.append("fourth 4")
print(scraped(exporter), application_runs())
"""
    printed, logged = output(loop, code)
    assert printed == "5 True\n5 True\n"
    assert (
        logged.count("Fails failed: ValueError: the fifth is missing") == 1
        and "Traceback" in logged
    )


@pytest.mark.parametrize("loop", LOOPS)
def test_greenlets_gather_at_the_same_time(loop: str) -> None:
    """The calls overlap, and end in another order than they begin."""
    code = """
gathered = []

class Interrupts:
    def collect(self):
        locked(0)
        raise KeyboardInterrupt

interrupted = metrics.CollectorRegistry()
interrupted.register(Interrupts())

def gather():
    for _ in range(10):
        gathered.append(complete(metrics.generate_latest(registry)))
        try:
            metrics.generate_latest(interrupted)
        except KeyboardInterrupt:
            gathered.append(True)

threads = [threading.Thread(target=gather) for _ in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(gathered), all(gathered), application_runs())
"""
    assert output(loop, code) == ("100 True True\n", "")


@pytest.mark.parametrize("loop", LOOPS)
def test_a_callback_may_gather_the_registry_that_calls_it(loop: str) -> None:
    code = """
def reads():
    locked(0)
    return metrics.generate_latest(registry).count(b"# TYPE ")

metrics.Gauge("fourth", "", registry=registry).set_function(reads)
LINES.append("fourth 3")  # all but itself
gathered = []

def gather():
    gathered.append(complete(metrics.generate_latest(registry)))

threads = [threading.Thread(target=gather) for _ in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(gathered)
"""
    assert output(loop, code) == (f"{[True] * 5}\n", "")


@pytest.mark.parametrize("loop", LOOPS)
def test_every_push_has_the_samples_of_callbacks_that_take_locks(
    loop: str, pushgateway: Pushgateway
) -> None:
    code = """
metrics.REGISTRY.register(Collector())
beats = 0

def beat():
    global beats
    while True:
        beats += 1
        time.sleep(0.001)

spawn(beat)
metrics.push_to_gateway(sys.argv[1], "one_push", registry)
print(beats > 0)  # other greenlets run during a push
host, port = sys.argv[1].split(":")
metrics.set_metrics(host, int(port), "pushgateway")
metrics.shutdown()
print(application_runs())
"""
    printed, logged = output(loop, code, pushgateway.address, **PUSHES)
    assert (printed, logged) == ("True\nTrue\n", "")
    found = {(s.labels["job"], s.name): s.value for s in pushgateway.samples() if "job" in s.labels}
    for job, name, value in [
        ("one_push", "first", 1),
        ("one_push", "second", 2),
        ("one_push", "third", 3),
        ("dataclay", "first", 1),
        ("dataclay", "second", 2),
    ]:
        assert found[job, name] == value


@pytest.mark.parametrize("loop", LOOPS)
def test_the_last_push_starts_no_thread(loop: str, pushgateway: Pushgateway) -> None:
    """CPython 3.12.1 refuses to start threads in atexit handlers."""
    code = """
host, port = sys.argv[1].split(":")
metrics.set_metrics(host, int(port), "pushgateway")
metrics.dataclay_inmemory_hits_total.inc(7)

def refuse(*_):
    raise RuntimeError("can't create new thread at interpreter shutdown")

if "gevent" in sys.modules:
    import gevent.threadpool
    gevent.threadpool.start_new_thread = refuse
else:
    import eventlet.tpool
    eventlet.tpool.threading.Thread.start = refuse
"""
    printed, logged = output(loop, code, pushgateway.address, **PUSHES)
    assert (printed, logged) == ("", "")
    assert list(pushgateway.values("dataclay_inmemory_hits_total").values()) == [7]


@pytest.mark.parametrize("loop", LOOPS)
def test_a_forked_child_calls_functions_on_its_loop(loop: str) -> None:
    code = """
exporter = metrics.start_http_server(0, "127.0.0.1", registry)
before = exporter.url
child = os.fork()
if child == 0:
    print(scraped(exporter), application_runs(), exporter.url != before, flush=True)
    os._exit(0)
print(os.waitpid(child, 0)[1], scraped(exporter), application_runs())
"""
    assert output(loop, code) == ("5 True True\n0 5 True\n", "")


def test_an_error_of_getcurrent_is_reported() -> None:
    code = """
import types
from dataclay_metrics import _native

assert _native.follow_loop()
sys.modules["greenlet"] = types.SimpleNamespace(getcurrent=lambda: 1 / 0)
errors = set()
sys.unraisablehook = lambda unraisable: errors.add(unraisable.exc_type)
metrics.dataclay_loaded_objects.set_function(lambda: 3)
print("\\ndataclay_loaded_objects 3.0\\n" in metrics.generate_latest().decode(), errors)
"""
    assert output("gevent", code) == ("True {<class 'ZeroDivisionError'>}\n", "")


@pytest.mark.parametrize("loop", LOOPS)
def test_other_greenlets_run_during_a_join(loop: str) -> None:
    code = """
server, thread = metrics.start_http_server(0, "127.0.0.1", registry)
def stop():
    time.sleep(0.05)
    server.shutdown()
spawn(stop)
thread.join()
print("joined")
"""
    assert output(loop, code) == ("joined\n", "")


REPLACED = """
lock = threading.Lock()  # a removed greenlet may hold the previous lock
eventlet.hubs.use_hub()  # removes all greenlets, as servers do in forked children
exporter = metrics.start_http_server(0, "127.0.0.1", registry)
print(scraped(exporter))
"""


def test_a_new_exporter_uses_the_current_loop() -> None:
    assert output("eventlet", REPLACED) == ("5\n", "")


APPLICATION = """
import os, threading, time
import dataclay_metrics as metrics
from dataclay_metrics.core import GaugeMetricFamily

lock, registry = threading.Lock(), metrics.CollectorRegistry()

class Collector:
    def collect(self):
        with lock:
            yield GaugeMetricFamily("locked", "", value=1)

def work():
    while True:
        with lock:
            time.sleep(0.002)
        time.sleep(0.001)

registry.register(Collector())
threading.Thread(target=work, daemon=True).start()
metrics.start_http_server(int(os.environ["METRICS_PORT"]), "127.0.0.1", registry)
application = metrics.make_wsgi_app(registry)
"""


def test_a_worker_of_gunicorn_exports_and_ends(tmp_path: Path) -> None:
    skip_without("gevent")
    skip_without("gunicorn")
    (tmp_path / "app.py").write_text(APPLICATION)
    served, scraped = free_port(), free_port()
    command: list[str | Path] = [interpreter.PYTHON, "-m", "gunicorn", "-k", "gevent"]
    command += ["--chdir", tmp_path]
    command += ["-b", f"127.0.0.1:{served}", "app:application"]
    with interpreter.running_program(command, {"METRICS_PORT": str(scraped)}) as program:
        wait_for(lambda: listens(scraped) and listens(served), True, interpreter.TIMEOUT)
        for _ in range(3):
            for port in (served, scraped):
                assert "locked 1" in get(f"http://127.0.0.1:{port}/metrics")
        program.send_signal(signal.SIGTERM)
        _, errors = program.communicate(timeout=interpreter.TIMEOUT)
    assert program.returncode == 0 and "ERROR" not in errors, errors
