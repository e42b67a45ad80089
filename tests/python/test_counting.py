"""Tests counters in many threads: exact values, no decrease, bounded memory, resets."""

import itertools
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import interpreter
import pytest
from dataclay_metrics import CollectorRegistry, Counter, generate_latest
from messages import families
from threads import run_in_threads

THREADS = 8
INCREMENTS = 1_000_000


@pytest.fixture
def fast_switching() -> Iterator[None]:
    """Makes the interpreter switch threads 50 times as often, so that more interleavings occur."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


def exposed(registry: CollectorRegistry) -> float:
    """Returns the value of the only sample in the exposition."""
    (line,) = (x for x in generate_latest(registry).splitlines() if not x.startswith(b"#"))
    return float(line.split()[1])


@pytest.mark.usefixtures("fast_switching")
def test_eight_threads_lose_no_count_and_no_reader_sees_a_decrease() -> None:
    registry = CollectorRegistry()
    counter = Counter("jobs", "Jobs done", registry=registry)
    start = threading.Barrier(THREADS + 2)

    def increment() -> None:
        start.wait()
        for _ in range(INCREMENTS):
            counter.inc()

    writers = [threading.Thread(target=increment) for _ in range(THREADS)]
    gets: list[float] = []
    scrapes: list[float] = []

    def read_value() -> None:
        start.wait()
        while any(writer.is_alive() for writer in writers):
            gets.append(counter.get())

    def read_exposition() -> None:
        start.wait()
        while any(writer.is_alive() for writer in writers):
            scrapes.append(exposed(registry))

    readers = [threading.Thread(target=read_value), threading.Thread(target=read_exposition)]
    for thread in writers + readers:
        thread.start()
    for thread in writers + readers:
        thread.join()

    total = THREADS * INCREMENTS
    assert counter.get() == exposed(registry) == total
    for seen in (gets, scrapes):
        assert seen == sorted(seen)
        assert any(0 < value < total for value in seen), "no reader read while the counter grew"


def test_ten_thousand_short_threads_lose_no_count_and_use_bounded_memory() -> None:
    code = """
import threading
from dataclay_metrics import Counter

counter = Counter("jobs", "Jobs done", registry=None)

def work():
    for _ in range(10):
        counter.inc()

def resident_kib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

def rounds(number):
    for _ in range(number):
        threads = [threading.Thread(target=work) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

rounds(50)
warm = resident_kib()
rounds(450)
print(counter.get(), resident_kib() - warm)
"""
    counted, growth_kib = map(int, interpreter.output(code).split())
    assert counted == 100_000
    assert growth_kib < 2048, "memory grows with the number of ended threads"


def test_counts_of_an_ended_thread_remain() -> None:
    counter = Counter("jobs", "Jobs done", registry=None)
    for expected in range(1, 100):
        run_in_threads([counter.inc])
        assert counter.get() == expected


@pytest.mark.parametrize(
    "amounts",
    [
        [2**53 + 1, 0.25, 1],
        [2**53 - 1, 0.5, 0.5, 0.75, 1, 1],
        [2**63 + 3, 0.5, 1],
        [2**64 - 1, 1, 0.5, 1],
        [2**63, 2**63, 1],
        [2**64, 1, 2**63],
        [2**64 - 1, 2.0**64, 1],
        [0.5, 1e300, 1, 1e300],
    ],
)
@pytest.mark.parametrize("threads", [False, True])
@pytest.mark.parametrize("labelled", [False, True])
def test_no_amount_decreases_a_counter(
    amounts: list[float], *, threads: bool, labelled: bool
) -> None:
    registry = CollectorRegistry()
    family = Counter("big", "Grows", ["k"] if labelled else [], registry=registry)
    counter = family.labels("a") if labelled else family
    labels = {"k": "a"} if labelled else {}
    seen: list[tuple[float, ...]] = [(0, 0, 0)]
    for amount in amounts:
        if threads:
            run_in_threads([partial(counter.inc, amount)])
        else:
            counter.inc(amount)
        sample = registry.get_sample_value("big_total", labels)
        assert sample is not None
        seen.append((counter.get(), exposed(registry), sample))
    for before, after in itertools.pairwise(seen):
        assert all(new >= old for old, new in zip(before, after, strict=True)), seen


def test_a_reset_counter_is_zero_in_every_thread() -> None:
    registry = CollectorRegistry()
    jobs = Counter("jobs", "Jobs", ["kind"], registry=registry)
    one, other = jobs.labels("a"), jobs.labels("b")
    run_in_threads([partial(count, one)] * 3)
    one.inc(0.5)
    other.inc(7)
    before = start_of(registry, "a")
    time.sleep(0.01)  # start times have a resolution of a millisecond
    one.reset()
    assert (one.get(), other.get()) == (0, 7)
    assert registry.get_sample_value("jobs_total", {"kind": "a"}) == 0
    assert b'jobs_total{kind="a"} 0.0\n' in generate_latest(registry)
    assert start_of(registry, "a") > before
    one.inc(3)
    run_in_threads([one.inc])
    assert one.get() == 4
    one.reset()
    one.reset()
    one.inc()
    assert registry.get_sample_value("jobs_total", {"kind": "a"}) == 1
    with pytest.raises(ValueError):
        jobs.reset()


def test_a_counter_that_reuses_a_slot_starts_at_zero() -> None:
    for _ in range(5):
        counter = Counter("jobs", "Jobs", registry=None)
        counter.inc(5)
        counter.reset()
        counter.inc()
        assert counter.get() == 1


def count(counter: Counter) -> None:
    for _ in range(100):
        counter.inc()


def start_of(registry: CollectorRegistry, kind: str) -> float:
    """Returns the start time of a series, from protobuf."""
    (jobs,) = families(generate_latest(registry, format="protobuf"))
    (found,) = [metric for metric in jobs.metric if metric.label[0].value == kind]
    created = found.counter.created_timestamp
    return float(created.seconds + created.nanos / 1e9)


def test_a_forked_child_counts_from_zero_after_a_reset() -> None:
    code = """
import os
from dataclay_metrics import Counter
jobs = Counter("jobs", "Jobs", registry=None)
jobs.inc(5)
jobs.reset()
jobs.inc(2)
child = os.fork()
if child == 0:
    jobs.inc()
    os._exit(jobs.get())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), jobs.get())
"""
    ended = interpreter.run("-c", code)
    assert (ended.stdout, ended.stderr) == ("1 2\n", "")


def test_a_counter_in_a_segment_cannot_be_reset(directory: Path) -> None:
    code = """
from dataclay_metrics import Counter
jobs = Counter("jobs", "Jobs", registry=None)
jobs.inc(5)
try:
    jobs.reset()
except ValueError as error:
    print(jobs.get(), error)
"""
    ended = interpreter.run("-c", code, DATACLAY_METRICS_DIR=str(directory))
    assert ended.stdout.startswith("5 counter=") and "cannot be reset" in ended.stdout, ended.stderr
