"""Tests that children of all libraries of processes push their last counts when they return."""

import interpreter
import pytest
from servers import Pushgateway

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
def test_a_child_that_returns_pushes_its_last_counts(
    package: str, start: str, pushgateway: Pushgateway
) -> None:
    pytest.importorskip(package)
    code = CHILD.format(package=package, port=pushgateway.port, start=start)
    interpreter.output(code, DATACLAY_METRICS_PUSH_INTERVAL="60")
    assert sorted(pushgateway.values(HITS).values()) == [0.0, 10.0]


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


def test_a_worker_of_billiards_pool_pushes_before_os_exit(pushgateway: Pushgateway) -> None:
    code = WORKER.format(port=pushgateway.port)
    assert interpreter.output(code, DATACLAY_METRICS_PUSH_INTERVAL="60") == "0\n3\n"
    assert sorted(pushgateway.values(HITS).values()) == [0.0, 7.0, 7.0]
