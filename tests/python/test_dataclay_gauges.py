"""Tests that the gauges of dataClay are exact, although no scrape calls into the interpreter."""

import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import pytest
import servers
from dataclay_metrics import Gauge
from dataclay_metrics.dataclay.counted import CountedDict, CountedWeakValues
from dataclay_metrics.dataclay.live import LiveGauge
from servers import free_port
from stack import WORK, exporting, running
from threads import run_in_threads

# SIGUSR1 blocks the interpreter until a byte arrives, because PyDLL does not release its lock.
BLOCK = """
import ctypes, os, signal

def block(*_):
    pipe = os.open(os.environ["BLOCK"], os.O_RDWR)
    open(os.environ["BLOCK"] + ".blocked", "w").close()
    ctypes.PyDLL(None).read(pipe, ctypes.create_string_buffer(1), 1)

if "BLOCK" in os.environ:
    signal.signal(signal.SIGUSR1, block)
"""
NAMES = [f"dataclay_{which}_objects" for which in ("inmemory", "loaded", "stored")]


def test_a_backend_exposes_its_gauges_while_its_interpreter_is_blocked(tmp_path: Path) -> None:
    port, pipe, storage = free_port(), tmp_path / "block", tmp_path / "storage"
    (tmp_path / "sitecustomize.py").write_text(BLOCK)
    storage.mkdir()
    (storage / "01234567-89ab-cdef-0123-456789abcdef").touch()  # an object on disk
    os.mkfifo(pipe)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    metrics = exporting("http", port, PYTHONPATH=path, BLOCK=str(pipe))

    def gauges() -> list[float]:
        text = servers.get(f"http://127.0.0.1:{port}/metrics")
        found = {sample.name: sample.value for sample in servers.samples(text)}
        return [found[name] for name in NAMES]

    with running(tmp_path) as dataclay:
        dataclay.metadata(way="upstream")
        backend = dataclay.backend(storage, way="pth", **metrics)
        client = dataclay.client(WORK + "wait_for('end')\nclient.stop()", way="upstream")
        servers.wait_for(gauges, [10.0, 10.0, 1.0])
        backend.process.send_signal(signal.SIGUSR1)
        servers.wait_for((tmp_path / "block.blocked").exists, True)
        try:
            assert gauges() == [10.0, 10.0, 1.0]
        finally:
            pipe.write_bytes(b"\n")
        client.touch("end")
        client.wait_for_success()


class Value:
    """An object that supports weak references."""


class Owner:
    """Has a container, and returns a function for its length, as runtimes of dataClay do."""

    def __init__(self, container: Any) -> None:
        self.objects = container

    def length(self) -> Any:
        return lambda: len(self.objects)


KINDS = [(dict, CountedDict), (WeakValueDictionary, CountedWeakValues)]


def value_of(gauge: Gauge) -> float:
    return gauge.collect()[0].samples[0].value


def change(container: Any, chance: random.Random, kept: list[Value]) -> None:
    """Changes a mapping with keys from 0 to 9 by one of its methods."""
    one, other = chance.randrange(10), chance.randrange(10)
    kept[:] = [*kept[-3:], Value()]  # a weak mapping drops a value with its last reference
    new = kept[-1]
    changes: list[Callable[[], object]] = [
        lambda: container.__setitem__(one, new),
        lambda: container.setdefault(one, new),
        lambda: container.update({one: new, other: new}),
        lambda: container.__ior__({one: new}),
        lambda: container.pop(one, None),
        lambda: container.pop(one),
        lambda: container.popitem(),
        lambda: container.__delitem__(one),
        lambda: container.clear() if other == 0 else None,
        kept.clear,
    ]
    with suppress(KeyError):
        chance.choice(changes)()


@pytest.mark.parametrize(("kind", "counted"), KINDS)
def test_a_gauge_is_the_sum_of_the_lengths_after_every_change(
    kind: Callable[[], Any], counted: type
) -> None:
    gauge = Gauge("objects", "", registry=None)
    live = LiveGauge(gauge)
    owners = [Owner(kind()), Owner(kind())]
    for owner in owners:
        live.set_function(owner.length())
        assert type(owner.objects) is counted
    chance, kept = random.Random(7), [Value()]
    for _ in range(2000):
        change(chance.choice(owners).objects, chance, kept)
        assert value_of(gauge) == sum(len(owner.objects) for owner in owners)
    live.forget(owners[0])
    assert value_of(gauge) == len(owners[1].objects)
    del owners, owner
    assert value_of(gauge) == 0


@pytest.mark.parametrize(("kind", "counted"), KINDS)
def test_a_gauge_is_exact_after_changes_in_many_threads(
    kind: Callable[[], Any], counted: type
) -> None:
    gauge = Gauge("objects", "", registry=None)
    live = LiveGauge(gauge)
    owner = Owner(kind())
    live.set_function(owner.length())
    kept: list[Value] = []

    def work(number: int) -> None:
        values = [Value() for _ in range(300)]
        for at, one in enumerate(values):
            owner.objects[number, at] = one
        kept.extend(values[::3])
        if kind is dict:
            for at in range(300):
                if at % 3:
                    del owner.objects[number, at]

    run_in_threads([partial(work, number) for number in range(8)])
    assert value_of(gauge) == len(owner.objects) == 800


def test_a_function_that_is_not_a_length_is_called() -> None:
    class Odd(dict[int, int]):
        """A container that cannot be replaced."""

    filled, odd, plain = Owner({1: 1}), Owner(Odd()), Owner({})
    functions = [
        filled.length(),
        odd.length(),
        lambda: len(plain.objects) + 1,
        lambda: -len(plain.objects),
        lambda: 2,
    ]
    for function in functions:
        gauge = Gauge("objects", "", registry=None)
        LiveGauge(gauge).set_function(function)
        assert value_of(gauge) == function()
    filled.objects[2] = 2
    assert type(plain.objects) is dict
