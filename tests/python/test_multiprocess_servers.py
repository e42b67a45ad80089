"""Tests that worker processes of servers and pools count together in the multiprocess mode."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import interpreter
import pytest
from multiprocess_program import values, write_modules
from servers import free_port, get, listens, wait_for

REQUESTS = 60

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


@contextmanager
def serving(
    folder: Path, directory: Path, port: int, application: str, *command: str
) -> Iterator["subprocess.Popen[str]"]:
    """Runs a server with this module ``app`` during the block, and stops it by SIGTERM."""
    write_modules(folder, app=application)
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
    """Sends the requests, eight at a time. Returns the ids of the processes that responded."""
    with ThreadPoolExecutor(8) as pool:
        return set(pool.map(get, [f"http://127.0.0.1:{port}/shop"] * REQUESTS))


def expected(requests: int, at_import: int) -> dict[str, float]:
    """Returns the samples after these numbers of calls of ``work``."""
    count = requests + at_import
    shop, imports = "requests_total{'path': '/shop'}", "requests_total{'path': 'at import'}"
    found = {shop: requests, imports: at_import, "running": 0, "seconds_count": count}
    buckets = {f"seconds_bucket{{'le': '{bound}'}}": count for bound in ("0.5", "+Inf")}
    return found | buckets | {"seconds_sum": count / 4}


def scraped(port: int) -> dict[str, float]:
    return values(get(f"http://127.0.0.1:{port}/metrics"))


# The option --max-requests replaces each worker after some requests.
@pytest.mark.parametrize("preload", [False, True])
def test_gunicorn_workers_count_together(preload: bool, directory: Path, tmp_path: Path) -> None:
    port = free_port()
    command = ["gunicorn", "-w", "4", "-b", f"127.0.0.1:{port}", "--max-requests", "15"]
    command += ["--preload"] * preload
    with serving(tmp_path, directory, port, WSGI, *command, "app:app"):
        workers = request(port)
        assert len(workers) > 1
        imports = 0
        none: set[tuple[str, float]] = set()

        def difference() -> set[tuple[str, float]]:
            nonlocal imports
            found = scraped(port)
            imports = int(found["requests_total{'path': 'at import'}"])
            return set(found.items() ^ expected(REQUESTS, imports).items())

        # A worker that replaces another may be in the middle of its import.
        wait_for(difference, none)
        assert imports == 1 if preload else imports >= 4
        # The default registry has the sums as well.
        default = values(get(f"http://127.0.0.1:{port}/default"))
        assert default["seconds_count"] >= REQUESTS + imports
    # The counts outlive the server.
    with serving(tmp_path, directory, port, WSGI, *command, "app:app"):
        request(port)
        assert scraped(port)["requests_total{'path': '/shop'}"] == 2 * REQUESTS


def test_uvicorn_workers_count_together(directory: Path, tmp_path: Path) -> None:
    port = free_port()
    command = ["uvicorn", "--workers", "4", "--host", "127.0.0.1", "--port", str(port), "app:app"]
    with serving(tmp_path, directory, port, ASGI, *command):
        workers, sent = request(port), REQUESTS
        # The first worker receives all requests until another one has started.
        deadline = time.monotonic() + interpreter.TIMEOUT
        while len(workers) < 2:
            assert time.monotonic() < deadline, "only one worker has responded"
            workers |= request(port)
            sent += REQUESTS
        for _ in range(8):
            assert scraped(port) == {
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
    """Runs workers that end after 20 tasks, by os._exit()."""
    (tmp_path / "queue").mkdir()
    write_modules(tmp_path, app=CELERY)
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
    # Another program with the same directory exposes the counts.
    code = "from measured import metrics; print(metrics().decode())"

    def counted() -> dict[str, float]:
        return values(interpreter.output(code, **variables))

    log = tmp_path / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [interpreter.PYTHON, *command],
            env=interpreter.environment(variables),
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as worker,
    ):
        try:
            wait_for(lambda: counted().get("seconds_count", 0), 100.0)
            assert counted()["requests_total{'path': '/shop'}"] == 100
        finally:
            os.killpg(worker.pid, signal.SIGKILL)
            print(log.read_text())  # pytest shows this if the test fails
    assert counted()["requests_total{'path': '/shop'}"] == 100


POOL = """
import multiprocessing, os, sys
from measured import metrics, work

if __name__ == "__main__":
    work("at import")
    with multiprocessing.get_context(sys.argv[1]).Pool(4, maxtasksperchild=5) as pool:
        pool.map(work, ["/shop"] * 60, chunksize=1)
    # The end of the block has called terminate().
    print(metrics().decode())
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_a_pool_count_together(method: str, directory: Path, tmp_path: Path) -> None:
    write_modules(tmp_path, pool=POOL)
    variables = {"PROMETHEUS_MULTIPROC_DIR": str(directory)}
    ended = interpreter.run(str(tmp_path / "pool.py"), method, **variables)
    assert (ended.status, ended.stderr) == (0, "")
    assert values(ended.stdout) == expected(60, 1)
