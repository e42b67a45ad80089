"""Tests that no count is lost when processes are killed while they count together."""

import os
import struct
from pathlib import Path

import dataclay_metrics
import interpreter
import pytest
from dataclay_metrics.multiprocess import MultiProcessCollector

# Starts processes that count in two threads, and kills each at a random moment. Each thread writes
# the numbers of increments that it has begun and done to a file.
KILL = """
import os, random, signal, struct, sys, threading, time
import dataclay_metrics as metrics

account, processes = os.open(sys.argv[1], os.O_RDWR), int(sys.argv[2])
hits = metrics.Counter("hits", "Hits")
codes = metrics.Counter("codes", "Codes", ["code"])
waits = metrics.Histogram("waits", "Waits", buckets=[1])

def count(thread, times):
    place, child = 16 * thread, codes.labels(thread % 7)
    for done in range(times):
        os.pwrite(account, struct.pack("<Q", done + 1), place)
        hits.inc()
        child.inc(2)
        waits.observe(0.5)
        os.pwrite(account, struct.pack("<Q", done + 1), place + 8)

def child(process):
    threads = [threading.Thread(target=count, args=(2 * process + n, 1 << 60)) for n in (1, 2)]
    for thread in threads:
        thread.start()
    threading.Event().wait()

if sys.argv[3] == "counting":
    count(0, 1000)
living = []
for process in range(processes):
    if (pid := os.fork()) == 0:
        child(process)
    living.append(pid)
    time.sleep(random.uniform(0, 0.01))
    if len(living) == 6:
        killed = living.pop(random.randrange(6))
        os.kill(killed, signal.SIGKILL)
        os.waitpid(killed, 0)
for pid in living:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("parent", ["idle", "counting"])
def test_no_count_is_lost_when_processes_are_killed(
    parent: str, directory: Path, tmp_path: Path
) -> None:
    """Kills 25 processes, or as many as the variable SEGMENT_PROCESSES sets."""
    processes = int(os.environ.get("SEGMENT_PROCESSES", "25"))
    account = tmp_path / "account"
    account.write_bytes(bytes(16 * (2 * processes + 1)))
    registry = dataclay_metrics.CollectorRegistry()
    MultiProcessCollector(registry, directory)

    def seen(name: str) -> float:
        return registry.get_sample_value(name) or 0.0

    reads, before = 0, 0.0
    arguments = ["-c", KILL, str(account), str(processes), parent]
    with interpreter.running(*arguments, DATACLAY_METRICS_DIR=str(directory)) as program:
        while program.poll() is None:
            now = seen("hits_total")
            assert now >= before, "a sum fell"
            reads, before = reads + 1, now
        _, errors = program.communicate()
        assert (program.returncode, errors) == (0, "")
    words = struct.unpack(f"<{4 * processes + 2}Q", account.read_bytes())
    begun, done = sum(words[::2]), sum(words[1::2])
    assert done <= seen("hits_total") <= begun
    assert done <= seen("waits_count") <= begun
    codes = (registry.get_sample_value("codes_total", {"code": str(code)}) for code in range(7))
    assert 2 * done <= sum(filter(None, codes)) <= 2 * begun
    (file,) = directory.iterdir()
    taken = file.stat().st_blocks * 512
    # At most six processes run at a time, each with two threads. They need some 19 blocks.
    assert taken < 1 << 20
    print(f"{done} done, {seen('hits_total'):.0f} counted, {begun} begun; {reads} reads; {taken} B")
