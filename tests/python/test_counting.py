"""Tests counting in many threads: exact, never decreasing, in bounded memory."""

import itertools
import sys
import threading
from collections.abc import Iterator

import interpreter
import pytest
from dataclay_metrics import CollectorRegistry, Counter, generate_latest

THREADS = 8
INCREMENTS = 1_000_000


@pytest.fixture
def fast_switching() -> Iterator[None]:
    """Makes the interpreter switch threads 50 times as often, for more interleavings."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


def exposed(registry: CollectorRegistry) -> int:
    (line,) = (x for x in generate_latest(registry).splitlines() if not x.startswith(b"#"))
    return int(float(line.split()[1]))


@pytest.mark.usefixtures("fast_switching")
def test_eight_threads_lose_nothing_and_no_reader_sees_a_decrease() -> None:
    registry = CollectorRegistry()
    counter = Counter("jobs", "Jobs done", registry=registry)
    start = threading.Barrier(THREADS + 2)

    def increment() -> None:
        start.wait()
        for _ in range(INCREMENTS):
            counter.inc()

    writers = [threading.Thread(target=increment) for _ in range(THREADS)]
    gets: list[int] = []
    scrapes: list[int] = []

    def read_value() -> None:
        start.wait()
        while any(writer.is_alive() for writer in writers):
            gets.append(int(counter.get()))

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
        assert any(0 < value < total for value in seen), (
            "no reading fell between zero and the total"
        )


def test_ten_thousand_short_threads_lose_nothing_in_bounded_memory() -> None:
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
    assert growth_kib < 2048, "memory grows with each thread that ends"


def test_counts_of_an_ended_thread_remain() -> None:
    counter = Counter("jobs", "Jobs done", registry=None)
    for expected in range(1, 100):
        thread = threading.Thread(target=counter.inc)
        thread.start()
        thread.join()
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
def test_no_amount_takes_anything_back(
    amounts: list[float], *, threads: bool, labelled: bool
) -> None:
    registry = CollectorRegistry()
    family = Counter("big", "Grows", ["k"] if labelled else [], registry=registry)
    counter = family.labels("a") if labelled else family
    labels = {"k": "a"} if labelled else {}
    seen: list[tuple[float, ...]] = [(0, 0, 0)]
    for amount in amounts:
        if threads:
            thread = threading.Thread(target=counter.inc, args=(amount,))
            thread.start()
            thread.join()
        else:
            counter.inc(amount)
        sample = registry.get_sample_value("big_total", labels)
        assert sample is not None
        (line,) = (x for x in generate_latest(registry).splitlines() if not x.startswith(b"#"))
        seen.append((counter.get(), float(line.split()[1]), sample))
    for before, after in itertools.pairwise(seen):
        assert all(new >= old for old, new in zip(before, after, strict=True)), seen
