"""Tests that children of all libraries of processes push their last counts when they return."""

import os
from pathlib import Path

import interpreter
import pytest
from servers import Pushgateway, wait_for

HITS = "dataclay_inmemory_hits_total"

# The child counts again after its first push, which would otherwise hide a lost last one.
CHILD = """
import sys, time
import {package}
import dataclay_metrics as metrics

def work(*_):
    metrics.dataclay_inmemory_hits_total.inc(5)
    time.sleep(1.5)
    metrics.dataclay_inmemory_hits_total.inc(5)

if __name__ == "__main__":
    context = {package}.get_context("fork")
    metrics.set_metrics("127.0.0.1", {port}, "pushgateway")
    {start}
"""
PROCESS = "child = context.Process(target=work); child.start(); child.join()"
POOL = "pool = context.Pool(1); pool.apply(work); pool.close(); pool.join()"


@pytest.mark.parametrize("start", [PROCESS, POOL], ids=["Process", "Pool"])
@pytest.mark.parametrize("package", ["multiprocessing", "billiard", "multiprocess"])
def test_a_worker_process_pushes_its_last_counts(
    package: str, start: str, pushgateway: Pushgateway
) -> None:
    pytest.importorskip(package)
    code = CHILD.format(package=package, port=pushgateway.port, start=start)
    interpreter.output(code, DATACLAY_METRICS_PUSH_INTERVAL="60")
    assert sorted(pushgateway.values(HITS).values()) == [0.0, 10.0]


PATHOS = """
import sys, time
import pathos.pools
import dataclay_metrics as metrics
work_seconds = metrics.Histogram("work_seconds", "", buckets=[1])

def work(_):
    for seconds in (0.5, 7):
        metrics.dataclay_inmemory_hits_total.inc(5)
        work_seconds.observe(seconds)
        time.sleep(1.5)

metrics.set_metrics("127.0.0.1", {port}, "pushgateway")
pool = pathos.pools.ProcessPool(1)
pool.map(work, [0])
pool.close()
pool.join()
"""


def test_a_worker_of_pathos_pushes_its_last_counts(pushgateway: Pushgateway) -> None:
    pytest.importorskip("pathos")
    code = PATHOS.format(port=pushgateway.port)
    interpreter.output(code, DATACLAY_METRICS_PUSH_INTERVAL="60")
    assert sorted(pushgateway.values(HITS).values()) == [0.0, 10.0]
    assert sorted(pushgateway.values("work_seconds_count").values()) == [0.0, 2.0]


CELERY = """
import os, time
from celery import Celery
from celery.signals import worker_init
import dataclay_metrics as metrics

folder = os.environ["FOLDER"]
app = Celery("tasks", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": folder, "data_folder_out": folder, "control_folder": folder + "/control"
}

@worker_init.connect
def export(**_):
    metrics.set_metrics("127.0.0.1", int(os.environ["PORT"]), "pushgateway")

@app.task
def work(number):
    metrics.dataclay_inmemory_hits_total.inc(5)
    time.sleep(1.5)
    metrics.dataclay_inmemory_hits_total.inc(5)
    open(f"{folder}/{number}.done", "w").close()

if __name__ == "__main__":
    for number in range(2):
        work.delay(number)
"""


def test_the_workers_of_celery_push_their_last_counts(
    pushgateway: Pushgateway, tmp_path: Path
) -> None:
    """Runs Celery's worker, which forks processes that end with it."""
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
        process.communicate()
    values = pushgateway.values(HITS).values()
    assert (len(values), sum(values)) == (3, 20.0)


# A worker of billiard's pool calls os._exit itself. This needs no billiard.
WORKER = """
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
    code = WORKER.format(port=pushgateway.port)
    assert interpreter.output(code, DATACLAY_METRICS_PUSH_INTERVAL="60") == "0\n3\n"
    assert sorted(pushgateway.values(HITS).values()) == [0.0, 7.0, 7.0]
