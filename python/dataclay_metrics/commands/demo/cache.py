"""The cache that the demo counts, and the load on it."""

import math
import random
import threading
import time
from collections import OrderedDict, deque
from weakref import WeakValueDictionary

from ... import (
    Histogram,
    dataclay_inmemory_hits_total,
    dataclay_inmemory_misses_total,
    dataclay_inmemory_objects,
    dataclay_loaded_objects,
    dataclay_stored_objects,
)

OBJECTS = 20_000  # objects that exist
CAPACITY = 2_000  # of them loaded at a time
WORKERS = 4
BATCH = 100  # lookups under one lock; with fewer, the lock would dominate
HELD = 500  # objects that a worker still refers to, which stay in memory when they are evicted
SKEW = 8.0  # the higher, the more lookups go to few objects
SWING = 3.0  # by how much it rises and falls, so that the hit ratio moves
PERIOD = 30.0  # seconds from one height to the next
BOUNDS = [1e-5 * 2**n for n in range(16)]  # 10 us to 0.3 s


class DataObject:
    """An object in the cache."""

    __slots__ = ("__weakref__",)


class ObjectCache:
    """Keeps objects as a dataClay backend does.

    The ``capacity`` most recently used objects are loaded, and evicted ones are stored. An object
    stays in memory while something refers to it.
    """

    def __init__(self, capacity: int) -> None:
        self.lookups = 0  # counted without a metric; hits + misses must equal this
        self._capacity = capacity
        self._lock = threading.Lock()
        self._in_memory: WeakValueDictionary[int, DataObject] = WeakValueDictionary()
        self._loaded: OrderedDict[int, DataObject] = OrderedDict()
        self._stored: set[int] = set()
        self._lookup_seconds = Histogram(
            "demo_lookup_seconds",
            f"Time that {BATCH} lookups take, with the wait for the lock",
            buckets=BOUNDS,
        )
        dataclay_inmemory_objects.set_function(lambda: len(self._in_memory))
        dataclay_loaded_objects.set_function(lambda: len(self._loaded))

    def get(self, keys: list[int]) -> list[DataObject]:
        """Looks up each of ``keys``, under one lock."""
        with self._lookup_seconds.time(), self._lock:
            return [self._look_up(key) for key in keys]

    def _look_up(self, key: int) -> DataObject:
        self.lookups += 1
        found = self._in_memory.get(key)
        if found is not None:
            dataclay_inmemory_hits_total.inc()
        else:
            dataclay_inmemory_misses_total.inc()
            found = self._in_memory[key] = DataObject()
        self._load(key, found)
        return found

    def _load(self, key: int, found: DataObject) -> None:
        self._loaded[key] = found
        self._loaded.move_to_end(key)
        if key in self._stored:
            self._stored.remove(key)
            dataclay_stored_objects.dec()
        if len(self._loaded) > self._capacity:
            evicted, _ = self._loaded.popitem(last=False)
            self._stored.add(evicted)
            dataclay_stored_objects.inc()


def work(cache: ObjectCache, seed: int, stop: threading.Event) -> None:
    """Looks up random objects, few of them often, until ``stop`` is set."""
    chance = random.Random(seed).random
    held: deque[DataObject] = deque(maxlen=HELD)
    while not stop.is_set():
        skew = SKEW + SWING * math.sin(time.monotonic() * math.tau / PERIOD)
        held.extend(cache.get([int(OBJECTS * chance() ** skew) for _ in range(BATCH)]))
