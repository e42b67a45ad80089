"""Tests that worker processes push their last counts, with each library that starts them."""

import os
from pathlib import Path

import interpreter
import pytest
from servers import Pushgateway, wait_for

HITS = "dataclay_inmemory_hits_total"

# A worker counts again after its first push, which would otherwise have all its counts.
PUSHED = """
import time
PUSHES = "dataclay_metrics_pushes_total", dict(result="success")

def wait_for_a_push():
    deadline = time.monotonic() + 30
    while not metrics.REGISTRY.get_sample_value(*PUSHES):
        assert time.monotonic() < deadline, "no push succeeded"
        time.sleep(0.01)
"""

MAIN = """
import {package}
import dataclay_metrics as metrics
{pushed}
def work(*_):
    metrics.dataclay_inmemory_hits_total.inc(5)
    wait_for_a_push()
    metrics.dataclay_inmemory_hits_total.inc(5)

if __name__ == "__main__":
    context = {package}.get_context("fork")
    metrics.set_metrics("127.0.0.1", {port}, "pushgateway")
    {start}
"""
PROCESS = "worker = context.Process(target=work); worker.start(); worker.join()"
POOL = "pool = context.Pool(1); pool.apply(work); pool.close(); pool.join()"


@pytest.mark.parametrize("start", [PROCESS, POOL], ids=["Process", "Pool"])
@pytest.mark.parametrize("package", ["multiprocessing", "billiard", "multiprocess"])
def test_a_worker_process_pushes_its_last_counts(
    package: str, start: str, pushgateway: Pushgateway
) -> None:
    pytest.importorskip(package)
    code = MAIN.format(package=package, port=pushgateway.port, start=start, pushed=PUSHED)
    interpreter.output(code, DATACLAY_METRICS_PUSH_INTERVAL="60")
    assert sorted(pushgateway.values(HITS).values()) == [0.0, 10.0]


PATHOS = """
import pathos.pools
import dataclay_metrics as metrics
{pushed}work_seconds = metrics.Histogram("work_seconds", "", buckets=[1])

def work(_):
    for seconds in (0.5, 7):
        metrics.dataclay_inmemory_hits_total.inc(5)
        work_seconds.observe(seconds)
        wait_for_a_push()

metrics.set_metrics("127.0.0.1", {port}, "pushgateway")
pool = pathos.pools.ProcessPool(1)
pool.map(work, [0])
pool.close()
pool.join()
"""


def test_a_worker_of_pathos_pushes_its_last_counts(pushgateway: Pushgateway) -> None:
    pytest.importorskip("pathos")
    code = PATHOS.format(port=pushgateway.port, pushed=PUSHED)
    interpreter.output(code, DATACLAY_METRICS_PUSH_INTERVAL="60")
    assert sorted(pushgateway.values(HITS).values()) == [0.0, 10.0]
    assert sorted(pushgateway.values("work_seconds_count").values()) == [0.0, 2.0]


CELERY = f"""
import os
from celery import Celery
from celery.signals import worker_init
import dataclay_metrics as metrics
{PUSHED}
folder = os.environ["FOLDER"]
app = Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = dict(
    data_folder_in=folder, data_folder_out=folder, control_folder=folder + "/control"
)

@worker_init.connect
def export(**_):
    metrics.set_metrics("127.0.0.1", int(os.environ["PORT"]), "pushgateway")

@app.task
def work(number):
    metrics.dataclay_inmemory_hits_total.inc(5)
    wait_for_a_push()
    metrics.dataclay_inmemory_hits_total.inc(5)
    open(f"{{folder}}/{{number}}.done", "w").close()

if __name__ == "__main__":
    for number in range(2):
        work.delay(number)
"""


def test_the_workers_of_celery_push_their_last_counts(
    pushgateway: Pushgateway, tmp_path: Path
) -> None:
    """Runs a worker of Celery, which forks processes and ends them."""
    pytest.importorskip("celery")
    (tmp_path / "tasks.py").write_text(CELERY)
    variables = {
        "DATACLAY_METRICS_PUSH_INTERVAL": "60",
        "FOLDER": str(tmp_path),
        "PORT": str(pushgateway.port),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    }
    assert interpreter.run(str(tmp_path / "tasks.py"), **variables).status == 0
    worker = ["-m", "celery", "-A", "tasks", "worker", "--concurrency", "2"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    with interpreter.running(*worker, *quiet, **variables) as process:
        wait_for(lambda: len(list(tmp_path.glob("*.done"))), 2)
        process.terminate()
        process.communicate(timeout=interpreter.TIMEOUT)
    values = pushgateway.values(HITS).values()
    assert (len(values), sum(values)) == (3, 20.0)


# A worker of a pool of billiard calls os._exit. The program works without billiard.
BILLIARD = """
import os, sys, types
import dataclay_metrics as metrics
sys.modules["billiard.pool"] = types.ModuleType("billiard.pool")
metrics.set_metrics("127.0.0.1", {port}, "pushgateway")
real = os._exit
for status in (0, 3):
    child = os.fork()
    if child == 0:
        metrics.dataclay_inmemory_hits_total.inc(7)
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
assert os._exit is real
"""


def test_a_worker_of_billiard_pushes_before_os_exit(pushgateway: Pushgateway) -> None:
    code = BILLIARD.format(port=pushgateway.port)
    assert interpreter.output(code, DATACLAY_METRICS_PUSH_INTERVAL="60") == "0\n3\n"
    assert sorted(pushgateway.values(HITS).values()) == [0.0, 7.0, 7.0]
