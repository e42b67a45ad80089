"""Measures what one call costs, here and in prometheus_client, on one thread and on four."""

import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from itertools import repeat
from typing import Any

OTHER = "prometheus_client"
THREADS = 4
ROUNDS = 15  # the fastest measurement is kept, because other programs may use the machine
SECONDS = 0.005  # approximate seconds of one measurement in one round
FIRST = 1000  # calls by which the number of calls of a measurement is estimated

Calls = Callable[[int], None]


def measured(module: str) -> dict[str, Calls]:
    """Returns a function for each line of the table, which makes that many calls.

    The metrics are those of ``module``, in a registry that nobody exports.
    """
    library: Any = import_module(module)
    registry = library.CollectorRegistry()
    counter = library.Counter("duel_calls", "Calls", registry=registry)
    family = library.Counter("duel_method_calls", "Calls", ["method"], registry=registry)

    def plain(count: int) -> None:
        for _ in repeat(None, count):
            counter.inc()

    def labelled(count: int) -> None:
        for _ in repeat(None, count):
            family.labels("get").inc()

    made: dict[str, Calls] = {"counter.inc()": plain, 'counter.labels("get").inc()': labelled}
    if (histogram_of := getattr(library, "Histogram", None)) is not None:
        histogram = histogram_of("duel_seconds", "Times", registry=registry)

        def observed(count: int) -> None:
            for _ in repeat(None, count):
                histogram.observe(0.3)

        made["histogram.observe(0.3)"] = observed
    return made


class Measurement:
    """The time per call of one library, on this number of threads."""

    def __init__(self, calls: Calls, threads: int) -> None:
        self.nanoseconds = float("inf")
        self._calls = calls
        self._threads = threads
        estimate = min(_seconds(calls, FIRST, 1) for _ in range(3))
        self._each = max(1, int(FIRST * SECONDS / estimate) // threads)

    def repeat(self) -> None:
        """Measures again, and keeps the shortest time."""
        seconds = _seconds(self._calls, self._each, self._threads)
        per_call = seconds / (self._each * self._threads) * 1e9
        self.nanoseconds = min(self.nanoseconds, per_call)


def _seconds(calls: Calls, each: int, threads: int) -> float:
    """Returns how long ``threads`` threads take that make ``each`` calls."""
    start = threading.Barrier(threads + 1)

    def work() -> None:
        start.wait()
        calls(each)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    began = time.perf_counter()
    start.wait()
    for worker in workers:
        worker.join()
    return time.perf_counter() - began


def table() -> Iterator[str]:
    """Measures for about a second, and yields the lines of a table."""
    ours = measured("dataclay_metrics")
    theirs = measured(OTHER) if find_spec(OTHER) else {}
    libraries = [ours, theirs] if theirs else [ours]
    names = ["dataclay_metrics", OTHER][: len(libraries)]
    yield f"{'':28}" + "".join(f"{name:>22}" for name in names)
    yield f"{'ns per call':28}" + f"{'1 thread':>11}{f'{THREADS} threads':>11}" * len(libraries)
    cells = {
        name: [Measurement(calls[name], threads) for calls in libraries for threads in (1, THREADS)]
        for name in ours
    }
    for _ in range(ROUNDS):
        for row in cells.values():
            for cell in row:
                cell.repeat()
    for name, row in cells.items():
        yield f"{name:28}" + "".join(f"{cell.nanoseconds:>11,.0f}" for cell in row)
    if not theirs:
        yield f"With {OTHER} installed, the table has its times, too."
