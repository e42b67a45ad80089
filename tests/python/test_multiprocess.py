"""Tests programs that are set up for the multiprocess mode of prometheus_client, unchanged."""

import ast
import json
import os
import re
import signal
import subprocess
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import interpreter
import pytest
from dataclay_metrics import CollectorRegistry, multiprocess
from servers import free_port, get, listens, samples, wait_for

REQUESTS = 60

# This follows the documentation of prometheus_client. The first two lines make libraries use this
# package.
METRICS = """
from dataclay_metrics.compat import install_as_prometheus_client
install_as_prometheus_client()

from prometheus_client import (
    CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
)

requests = Counter("requests", "Requests", ["path"])
seconds = Histogram("seconds", "Time", buckets=[0.5])
running = Gauge("running", "Requests that run", multiprocess_mode="livesum")

def work(path):
    with running.track_inprogress():
        requests.labels(path).inc()
        seconds.observe(0.25)

def metrics():
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)
"""
WSGI = """
import os
from measured import CONTENT_TYPE_LATEST, generate_latest, metrics, work

work("at import")

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", CONTENT_TYPE_LATEST)])
    if environ["PATH_INFO"] == "/metrics":
        return [metrics()]
    if environ["PATH_INFO"] == "/default":
        return [generate_latest()]
    work(environ["PATH_INFO"])
    return [str(os.getpid()).encode()]
"""
ASGI = """
import os
from measured import metrics, work

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    if scope["path"] == "/metrics":
        body = metrics()
    else:
        work(scope["path"])
        body = str(os.getpid()).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    path = Path(f"/dev/shm/dataclay-metrics-tests-{uuid.uuid4().hex}")
    path.mkdir()
    yield path
    for file in path.glob("*"):
        file.unlink()
    path.rmdir()


@contextmanager
def serving(
    folder: Path, directory: Path, port: int, application: str, *command: str
) -> Iterator["subprocess.Popen[str]"]:
    """Runs a server with an application, as its module ``app``, until it has ended on SIGTERM."""
    (folder / "measured.py").write_text(METRICS)
    (folder / "app.py").write_text(application)
    variables = {"PROMETHEUS_MULTIPROC_DIR": str(directory), "PYTHONPATH": str(folder)}
    log = folder / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [interpreter.PYTHON, "-m", *command],
            env=interpreter.environment(variables),
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            wait_for(lambda: listens(port), True)
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(interpreter.TIMEOUT)
            finally:
                server.kill()
    assert "Traceback" not in log.read_text(), log.read_text()


def request(port: int) -> set[str]:
    """Sends the requests, eight at a time. Returns the processes that answered."""
    with ThreadPoolExecutor(8) as pool:
        return set(pool.map(get, [f"http://127.0.0.1:{port}/shop"] * REQUESTS))


def values(text: str) -> dict[str, float]:
    """Returns the value of each sample of an exposition, by its name and labels."""
    return {
        f"{sample.name}{sample.labels or ''}": sample.value
        for sample in samples(text)
        if not re.match("dataclay_|process_|python_", sample.name)
    }


def expected(requests: int, at_import: int) -> dict[str, float]:
    count = requests + at_import
    shop, imports = "requests_total{'path': '/shop'}", "requests_total{'path': 'at import'}"
    found = {shop: requests, imports: at_import, "running": 0, "seconds_count": count}
    buckets = {f"seconds_bucket{{'le': '{bound}'}}": count for bound in ("0.5", "+Inf")}
    return found | buckets | {"seconds_sum": count / 4}


# Each worker ends after some requests, and another one takes its place.
@pytest.mark.parametrize("preload", [False, True])
def test_gunicorn_workers_count_together(preload: bool, directory: Path, tmp_path: Path) -> None:
    port = free_port()
    command = ["gunicorn", "-w", "4", "-b", f"127.0.0.1:{port}", "--max-requests", "15"]
    command += ["--preload"] * preload
    with serving(tmp_path, directory, port, WSGI, *command, "app:app"):
        workers = request(port)
        assert len(workers) > 1
        text = get(f"http://127.0.0.1:{port}/metrics")
        imports = int(values(text)["requests_total{'path': 'at import'}"])
        assert values(text) == expected(REQUESTS, imports)
        assert imports == 1 if preload else imports >= 4
        # The default registry shows the sums, too.
        assert (
            values(get(f"http://127.0.0.1:{port}/default"))["seconds_count"] >= REQUESTS + imports
        )
    # A later start counts on.
    with serving(tmp_path, directory, port, WSGI, *command, "app:app"):
        request(port)
        shop = values(get(f"http://127.0.0.1:{port}/metrics"))["requests_total{'path': '/shop'}"]
        assert shop == 2 * REQUESTS


def test_uvicorn_workers_count_together(directory: Path, tmp_path: Path) -> None:
    port = free_port()
    command = ["uvicorn", "--workers", "4", "--host", "127.0.0.1", "--port", str(port), "app:app"]
    with serving(tmp_path, directory, port, ASGI, *command):
        # All come to the first worker while the others start.
        workers, sent = request(port), REQUESTS
        while len(workers) < 2 and sent < 50 * REQUESTS:
            workers |= request(port)
            sent += REQUESTS
        assert len(workers) > 1
        for _ in range(8):
            text = get(f"http://127.0.0.1:{port}/metrics")
            assert values(text) == {
                name: value for name, value in expected(sent, 0).items() if "at import" not in name
            }


CELERY = """
from celery import Celery
from measured import metrics, work

app = Celery("app", broker="filesystem://", backend="cache+memory://")
app.conf.broker_transport_options = {"data_folder_in": "queue", "data_folder_out": "queue",
    "control_folder": "control", "polling_interval": 0.05}

@app.task(ignore_result=True)
def task():
    work("/shop")
"""


def test_celery_workers_count_together(directory: Path, tmp_path: Path) -> None:
    """Runs workers that end after 20 tasks each, by os._exit()."""
    (tmp_path / "queue").mkdir()
    (tmp_path / "measured.py").write_text(METRICS)
    (tmp_path / "app.py").write_text(CELERY)
    variables = {"PROMETHEUS_MULTIPROC_DIR": str(directory), "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(
        [interpreter.PYTHON, "-c", "from app import task; [task.delay() for _ in range(100)]"],
        env=interpreter.environment(variables),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=interpreter.TIMEOUT,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    command = ["-m", "celery", "-A", "app", "worker", "-P", "prefork", "-c", "4"]
    command += ["--max-tasks-per-child", "20", "--without-gossip", "--without-mingle"]
    with subprocess.Popen(
        [interpreter.PYTHON, *command],
        env=interpreter.environment(variables),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as worker:
        try:
            # Another program with the same directory exposes the counts.
            code = "from measured import metrics; print(metrics().decode())"

            def counted() -> dict[str, float]:
                return values(interpreter.output(code, **variables))

            wait_for(lambda: counted().get("seconds_count", 0), 100.0)
            assert counted()["requests_total{'path': '/shop'}"] == 100
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
    assert counted()["requests_total{'path': '/shop'}"] == 100


POOL = """
import multiprocessing, os, sys
from measured import metrics, work

if __name__ == "__main__":
    work("at import")
    with multiprocessing.get_context(sys.argv[1]).Pool(4, maxtasksperchild=5) as pool:
        pool.map(work, ["/shop"] * 60, chunksize=1)
    # The block has ended with terminate().
    print(metrics().decode())
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_a_pool_count_together(method: str, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "measured.py").write_text(METRICS)
    (tmp_path / "pool.py").write_text(POOL)
    variables = {"PROMETHEUS_MULTIPROC_DIR": str(directory)}
    ended = interpreter.run(str(tmp_path / "pool.py"), method, **variables)
    assert (ended.status, ended.stderr) == (0, "")
    assert values(ended.stdout) == expected(60, 1)


COUNT = """
import time
from measured import metrics, work
work("at import")
print(metrics().decode(), flush=True)
"""


# Two processes set a gauge of each mode and end, while a third one lives.
GAUGES = """
import os, subprocess, sys
if sys.argv[1] == "ours":
    from dataclay_metrics.compat import install_as_prometheus_client
    install_as_prometheus_client()
from prometheus_client import CollectorRegistry, Gauge, multiprocess

MODES = ["all", "min", "max", "sum", "mostrecent"]
gauges = {
    mode: Gauge(mode, "A gauge", multiprocess_mode=mode)
    for mode in [*MODES, *("live" + mode for mode in MODES)]
}
for gauge in gauges.values():
    gauge.set(float(sys.argv[2]))
if sys.argv[2] == "3":
    first, second = [
        subprocess.run([sys.executable, *sys.argv[:2], value], capture_output=True, text=True)
        for value in ("5", "2")
    ]
    registry = CollectorRegistry()
    collector = multiprocess.MultiProcessCollector(registry)
    names = {str(os.getpid()): "own", first.stdout.strip(): "first", second.stdout.strip(): "second"}
    for ended in (first, second):
        multiprocess.mark_process_dead(int(ended.stdout))
    print(sorted(
        (sample.name, names.get(sample.labels.get("pid"), ""), sample.value)
        for family in registry.collect() for sample in family.samples
    ))
else:
    print(os.getpid())
"""


def test_each_mode_of_a_gauge_equals_that_of_prometheus_client(
    directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "gauges.py").write_text(GAUGES)
    theirs, found = tmp_path / "theirs", {}
    theirs.mkdir()
    for library, shared in (("theirs", theirs), ("ours", directory)):
        program = [str(tmp_path / "gauges.py"), library, "3"]
        ended = interpreter.run(*program, PROMETHEUS_MULTIPROC_DIR=str(shared))
        assert (ended.status, ended.stderr) == (0, "")
        found[library] = ast.literal_eval(ended.stdout)
    # The second process has taken the place of the first one, so that memory is bounded.
    found["theirs"].remove(("all", "first", 5.0))
    assert found["ours"] == found["theirs"]
    assert ("sum", "", 10.0) in found["ours"] and ("livesum", "", 3.0) in found["ours"]


UNCOUNTED = """
import os, sys
if sys.argv[1] == "ours":
    from dataclay_metrics.compat import install_as_prometheus_client
    install_as_prometheus_client()
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, multiprocess

Counter("jobs", "Jobs")
Counter("runs", "Runs", ["of"]).labels("child")
Counter("calls", "Calls", ["of"])
Gauge("level", "Level")
Gauge("last", "Last", multiprocess_mode="mostrecent")
Histogram("wait", "Wait", buckets=[1], registry=None)
Summary("size", "Size")
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
print(sorted(
    (sample.name, str({**sample.labels, "pid": "pid" in sample.labels}), sample.value)
    for family in registry.collect() for sample in family.samples
))
"""


def test_metrics_without_counts_have_the_samples_of_prometheus_client(
    directory: Path, tmp_path: Path
) -> None:
    found = {}
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    for library, shared in (("theirs", theirs), ("ours", directory)):
        ended = interpreter.run("-c", UNCOUNTED, library, PROMETHEUS_MULTIPROC_DIR=str(shared))
        assert (ended.status, ended.stderr) == (0, "")
        found[library] = ast.literal_eval(ended.stdout)
    assert len(found["theirs"]) == 9  # "last" has no value yet
    assert found["ours"] == found["theirs"]


def test_the_old_name_of_the_variable_is_deprecated(directory: Path) -> None:
    code = (
        "import os, warnings, dataclay_metrics as metrics\n"
        "from dataclay_metrics import multiprocess\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    for _ in range(2):\n"
        "        multiprocess.MultiProcessCollector(metrics.CollectorRegistry())\n"
        "print([(w.category.__name__, str(w.message)) for w in caught])\n"
        "print(os.environ['PROMETHEUS_MULTIPROC_DIR'])"
    )
    printed = interpreter.output(code, prometheus_multiproc_dir=str(directory)).splitlines()
    message = "prometheus_multiproc_dir is deprecated: set PROMETHEUS_MULTIPROC_DIR"
    assert printed == [str([("DeprecationWarning", message)]), str(directory)]


def test_a_directory_on_disk_is_replaced_by_one_in_tmpfs_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "measured.py").write_text(METRICS)
    (tmp_path / "count.py").write_text(COUNT)
    shared = tmp_path / "multiproc"
    shared.mkdir()
    variables = {"PROMETHEUS_MULTIPROC_DIR": str(shared), "XDG_RUNTIME_DIR": ""}
    for _ in range(2):
        ended = interpreter.run(str(tmp_path / "count.py"), **variables)
        assert ended.status == 0
        (warning,) = ended.stderr.splitlines()
        assert f"PROMETHEUS_MULTIPROC_DIR={shared} is not in tmpfs" in warning
        assert "count together in /dev/shm/" in warning and "DATACLAY_METRICS_DIR" in warning
        used = Path(warning.partition("count together in ")[2].partition(";")[0])
    try:
        assert values(ended.stdout)["requests_total{'path': 'at import'}"] == 2
        assert list(shared.iterdir()) == []
    finally:
        for file in used.iterdir():
            file.unlink()
        used.rmdir()


def test_a_collector_without_a_directory_is_refused() -> None:
    code = (
        "import dataclay_metrics as metrics; from dataclay_metrics import multiprocess\n"
        "multiprocess.mark_process_dead(1)\n"
        "try: multiprocess.MultiProcessCollector(metrics.CollectorRegistry())\n"
        "except ValueError as error: print(error)"
    )
    assert "PROMETHEUS_MULTIPROC_DIR" in interpreter.output(code)
    assert "PROMETHEUS_MULTIPROC_DIR" in interpreter.output(code, PROMETHEUS_MULTIPROC_DIR="")


@pytest.mark.parametrize("path", ["", "none", "/etc/passwd"])
def test_a_path_that_is_not_a_directory_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=f"path={json.dumps(path)}: must be a directory"):
        multiprocess.MultiProcessCollector(CollectorRegistry(), path)


def test_a_collector_reads_the_directory_of_its_path(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "measured.py").write_text(METRICS)
    (tmp_path / "count.py").write_text(COUNT)
    interpreter.run(str(tmp_path / "count.py"), PROMETHEUS_MULTIPROC_DIR=str(directory))
    code = (
        "import sys, dataclay_metrics as metrics; from dataclay_metrics import multiprocess\n"
        "registry = metrics.CollectorRegistry()\n"
        "multiprocess.MultiProcessCollector(registry, sys.argv[1])\n"
        "print(metrics.generate_latest(registry).decode())"
    )
    ended = interpreter.run("-c", code, str(directory))
    assert "requests_total{'path': 'at import'}" in values(ended.stdout)
    code = f"import os; os.chdir({str(directory.parent)!r})\n{code}"
    assert interpreter.run("-c", code, directory.name).stdout == ended.stdout


def test_a_process_that_cannot_attach_exposes_its_counts(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "measured.py").write_text(METRICS)
    (tmp_path / "count.py").write_text(COUNT)
    directory.chmod(0o777)
    ended = interpreter.run(str(tmp_path / "count.py"), PROMETHEUS_MULTIPROC_DIR=str(directory))
    assert values(ended.stdout)["requests_total{'path': 'at import'}"] == 1
    assert "no other user may write to it" in ended.stderr
