"""Tests forks of an exporting process: no child hangs or counts twice, and each one exports."""

import interpreter
import pytest
from servers import Pushgateway, free_port

HITS = "dataclay_inmemory_hits_total"

# The first lines of every script. Warnings are errors, also that of CPython about threads.
PROLOGUE = """
import contextlib, os, signal, socket, sys, threading, time, warnings
import dataclay_metrics as metrics

hits = metrics.dataclay_inmemory_hits_total

def scraped(exporter):
    # Not by urlopen(), which creates a TLS context: a forked child may find locks of OpenSSL held.
    with socket.socket() as scrape:
        scrape.settimeout(25)
        scrape.connect(("127.0.0.1", exporter.port))
        scrape.sendall(b"GET /metrics HTTP/1.1\\r\\n\\r\\n")
        with scrape.makefile() as response:
            page = response.read()
    return int(page.partition("\\ndataclay_inmemory_hits_total ")[2].split()[0])

def sockets():
    # Returns how many sockets this process has open.
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # a thread has closed the file
            found += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return found

def wait_for_sockets(number):
    deadline = time.monotonic() + 30
    while sockets() < number:
        assert time.monotonic() < deadline, "no socket was opened"
        time.sleep(0.01)

def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""


def run(code: str, **variables: str) -> str:
    ended = interpreter.run("-W", "error", "-c", PROLOGUE + code, **variables)
    assert (ended.status, ended.stderr) == (0, "")
    return ended.stdout


def pushing_to(port: int, interval: str = "10") -> dict[str, str]:
    return {
        "DATACLAY_METRICS_EXPORTER": "pushgateway",
        "DATACLAY_METRICS_HOST": "127.0.0.1",
        "DATACLAY_METRICS_PORT": str(port),
        "DATACLAY_METRICS_PUSH_INTERVAL": interval,
        "DATACLAY_METRICS_INSTANCE": "edge",
    }


# Forks 1,000 times during scrapes and pushes, while four threads count and one registers metrics.
# An alarm ends a child that hangs, which the script counts as failed.
STORM = """
exporter = metrics.start_http_server(0, addr="127.0.0.1")
metrics.start()
metrics.dataclay_loaded_objects.set_function(lambda: 1)
hits.inc(5)
sys.setswitchinterval(0.0002)
done = False
counted = [0] * 4

def count(at):
    while not done:
        hits.inc()
        counted[at] += 1

def register():
    while not done:
        registry = metrics.CollectorRegistry()
        metrics.Counter("jobs", "", registry=registry).inc(0.5)
        metrics.generate_latest(registry)

def scrape():
    while not done:
        scraped(exporter)

threads = [threading.Thread(target=count, args=(at,)) for at in range(4)]
threads += [threading.Thread(target=register), threading.Thread(target=scrape)]
for thread in threads:
    thread.start()

warnings.simplefilter("ignore")  # CPython warns about the threads above
failed = []
for _ in range({forks}):
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        status = 1
        try:
            if hits.get() == 0:
                hits.inc(3)
                metrics.Counter("more", "").inc(0.5)
                page = metrics.generate_latest()
                correct = b"\\ndataclay_inmemory_hits_total 3.0\\n" in page and b"\\nmore_total 0.5\\n" in page
                status = 0 if correct and scraped(exporter) == 3 else 2
        finally:
            os._exit(status)
    if status := ended(child):
        failed.append(status)
done = True
for thread in threads:
    thread.join()
assert scraped(exporter) == hits.get() == 5 + sum(counted), (hits.get(), sum(counted))
metrics.shutdown()
print(len(failed), failed[:9])
"""


@pytest.mark.timed
@pytest.mark.timeout(300)
def test_a_thousand_forks_under_load_neither_hang_nor_miscount(pushgateway: Pushgateway) -> None:
    ended = interpreter.run_within(
        280,
        "-c",
        PROLOGUE + STORM.replace("{forks}", "1000"),
        **pushing_to(pushgateway.port, interval="0.1"),
    )
    assert (ended.status, ended.stdout) == (0, "0 []\n"), ended.stderr
    # On a busy machine, a push or a callback may be late. Nothing else may be logged.
    late = "push to ", "the function of gauge dataclay_loaded_objects takes longer than "
    assert all(line.startswith(late) for line in ended.stderr.splitlines()), ended.stderr


# The ways in which a forked child can end. In each, its last counts must arrive.
ENDS = {
    "os.fork, sys.exit": """
child = os.fork()
if child == 0:
    hits.inc(30)
    sys.exit(0)
assert ended(child) == 0
""",
    "os.fork, returning": """
child = os.fork()
hits.inc(30 if child == 0 else 0)
assert child == 0 or ended(child) == 0
""",
    "os.fork, an exception": """
child = os.fork()
if child == 0:
    hits.inc(30)
    os.close(2)
    raise SystemExit("failed")
assert ended(child) == 1
""",
    "os.fork twice": """
child = os.fork()
if child == 0:
    hits.inc(10)
    grandchild = os.fork()
    hits.inc(0 if grandchild else 20)
    assert grandchild == 0 or ended(grandchild) == 0
    sys.exit(0)
assert ended(child) == 0
""",
    "multiprocessing, fork": """
from multiprocessing import get_context
child = get_context("fork").Process(target=hits.inc, args=(30,))
child.start()
child.join()
assert child.exitcode == 0
""",
    "concurrent.futures": """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
def work():
    hits.inc(30)
with ProcessPoolExecutor(1, get_context("fork")) as pool:
    pool.submit(work).result()
""",
}


@pytest.mark.parametrize("end", ENDS)
def test_the_last_counts_of_a_forked_child_are_pushed(end: str, pushgateway: Pushgateway) -> None:
    code = "metrics.start()\nhits.inc(12)\n" + ENDS[end]
    run(code, **pushing_to(pushgateway.port))
    values = pushgateway.values(HITS)
    assert values.pop("edge") == 12.0
    assert sum(values.values()) == 30.0
    assert all(instance.startswith("edge:") for instance in values)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_spawned_child_pushes_its_last_counts(
    method: str, pushgateway: Pushgateway, tmp_path: "object"
) -> None:
    script = f"{tmp_path}/main.py"
    with open(script, "w") as file:
        file.write(
            "import multiprocessing, os\n"
            "import dataclay_metrics as metrics\n"
            "def work():\n"
            "    metrics.start()\n"
            "    metrics.dataclay_inmemory_hits_total.inc(30)\n"
            "if __name__ == '__main__':\n"
            f"    child = multiprocessing.get_context({method!r}).Process(target=work)\n"
            "    child.start()\n"
            "    child.join()\n"
            "    assert child.exitcode == 0\n"
        )
    ended = interpreter.run("-W", "error", script, **pushing_to(pushgateway.port))
    assert (ended.status, ended.stderr) == (0, "")
    assert pushgateway.values(HITS) == {"edge": 30.0}


@pytest.mark.timed
@pytest.mark.parametrize("gateway", ["silent", "black_hole"])
def test_a_push_in_flight_does_not_delay_a_fork(
    gateway: str, request: pytest.FixtureRequest
) -> None:
    out = run(
        """
before = sockets()
metrics.start()
wait_for_sockets(before + 1)  # a push connects to the gateway, which never responds
began = time.monotonic()
child = os.fork()
if child == 0:
    os._exit(hits.get())
assert ended(child) == 0
print(time.monotonic() - began)
os._exit(0)
""",
        **pushing_to(request.getfixturevalue(gateway)),
    )
    assert float(out) < 1.0


def test_a_forked_child_closes_the_port_of_its_parent_and_serves_on_the_next() -> None:
    port = free_port()
    out = run(
        f"""
exporter = metrics.start_http_server({port}, addr="127.0.0.1")
hits.inc(5)
out, into = os.pipe()
child = os.fork()
if child == 0:
    hits.inc(7)
    assert scraped(exporter) == 7
    os.write(into, str(exporter.port).encode())
    signal.pause()
child_port = int(os.read(out, 9))
assert scraped(exporter) == 5 and exporter.port == {port}
metrics.shutdown()
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=5)
except OSError as error:
    print(error.__class__.__name__)
os.kill(child, signal.SIGKILL)
ended(child)
print(child_port - {port})
"""
    )
    error, difference = out.split()
    assert error == "ConnectionRefusedError"
    assert 1 <= int(difference) <= 100


def test_an_incomplete_request_survives_a_fork() -> None:
    assert (
        run(
            """
exporter = metrics.start_http_server(0, addr="127.0.0.1")
before = sockets()
with socket.create_connection(("127.0.0.1", exporter.port), timeout=30) as scrape:
    scrape.sendall(b"GET /metrics HTTP/1.1\\r\\n")
    wait_for_sockets(before + 2)  # the endpoint has accepted the connection
    child = os.fork()
    if child == 0:
        signal.pause()
    scrape.sendall(b"\\r\\n")
    with scrape.makefile() as response:
        print("hits_total 0\\n" in response.read())
os.kill(child, signal.SIGKILL)
ended(child)
"""
        )
        == "True\n"
    )


def test_a_subprocess_pushes_no_group(pushgateway: Pushgateway) -> None:
    run(
        """
import subprocess
metrics.start()
for _ in range(3):
    subprocess.run(["true"], check=True, preexec_fn=lambda: None)
""",
        **pushing_to(pushgateway.port),
    )
    assert list(pushgateway.values(HITS)) == ["edge"]
