"""Measures counts of a Python process in a segment and in private memory, in one run.

    benches/python/segment.py [--quick]

A process chooses its memory at its first count, so processes with each memory take turns. Times are
nanoseconds per call, including the loop: minimum / median. On a busy machine, both vary by a third.
Run `make build` before.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile

CHILD = """
import json, time, timeit
import dataclay_metrics as ours
counter = ours.Counter("hits", "Hits", registry=None)
histogram = ours.Histogram("seconds", "Times", registry=None)
begin = time.perf_counter_ns()
counter.inc()
first = time.perf_counter_ns() - begin
histogram.observe(0.5)
def least(call):
    timer = timeit.Timer(call, timer=time.process_time_ns, globals=globals())
    return min(timer.timeit(2_000) / 2_000 for _ in range(200))
print(json.dumps([first, least("counter.inc()"), least("histogram.observe(0.5)")]))
"""


def run(directory: str) -> list[float]:
    """Returns the nanoseconds of a first count, of inc() and of observe() in a new process."""
    environment = {**os.environ, "DATACLAY_METRICS_DIR": directory}
    child = [sys.executable, "-c", CHILD]
    return json.loads(
        subprocess.run(child, env=environment, capture_output=True, check=True).stdout
    )


def main() -> None:
    """Prints a table."""
    rounds = 5 if "--quick" in sys.argv else 25
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        run(directory)  # makes the segment
        seen = {name: [] for name in ("none", directory)}
        for _ in range(rounds):
            for name, figures in seen.items():
                figures.append(run(name))
    private, segment = (list(zip(*figures, strict=True)) for figures in seen.values())
    print(f"{'ns':12} {'private':>20} {'segment':>20} {'ratio':>13}")
    for call, a, b in zip(("first inc()", "inc()", "observe()"), private, segment, strict=True):
        (a, c), (b, d) = ((min(both), statistics.median(both)) for both in (a, b))
        print(f"{call:12} {a:8.1f} / {c:9.1f} {b:8.1f} / {d:9.1f} {b / a:6.2f} / {d / c:.2f}")


main()
