"""``dataclay-metrics demo``: an object cache under load, counted and served live."""

import argparse
import random
import shutil
import sys
import threading
import time
from collections import OrderedDict, deque
from weakref import WeakValueDictionary

from .. import (
    dataclay_inmemory_hits_total,
    dataclay_inmemory_misses_total,
    dataclay_inmemory_objects,
    dataclay_loaded_objects,
    dataclay_stored_objects,
    set_metrics,
    shutdown,
    start_http_server,
)
from .._native import without_secrets

OBJECTS = 20_000  # objects that exist
CAPACITY = 2_000  # of them loaded at a time
WORKERS = 4
BATCH = 100  # lookups under one lock: fewer would mostly measure the lock
HELD = 500  # objects a worker still refers to: they stay in memory when they are evicted
SKEW = 8  # the higher, the more lookups go to few objects


class DataObject:
    """An object in the cache."""

    __slots__ = ("__weakref__",)


class ObjectCache:
    """Keeps objects as a dataClay backend does.

    The last ``capacity`` used are loaded, and evicted ones are stored. An object stays in memory
    as long as something refers to it.
    """

    def __init__(self, capacity: int) -> None:
        self.lookups = 0  # counted without a metric: hits + misses must equal it
        self._capacity = capacity
        self._lock = threading.Lock()
        self._in_memory: WeakValueDictionary[int, DataObject] = WeakValueDictionary()
        self._loaded: OrderedDict[int, DataObject] = OrderedDict()
        self._stored: set[int] = set()
        dataclay_inmemory_objects.set_function(lambda: len(self._in_memory))
        dataclay_loaded_objects.set_function(lambda: len(self._loaded))

    def get(self, keys: list[int]) -> list[DataObject]:
        """Looks up each of ``keys``, under one lock."""
        with self._lock:
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
        held.extend(cache.get([int(OBJECTS * chance() ** SKEW) for _ in range(BATCH)]))


def watch(url: str, seconds: float | None) -> None:
    """Prints the counters repeatedly, for ``seconds`` or until Ctrl-C."""
    live = sys.stdout.isatty()
    interval = 0.2 if live else 1.0
    began = then = time.monotonic()
    counted = 0
    while seconds is None or then - began < seconds:
        left = interval if seconds is None else began + seconds - then
        time.sleep(min(interval, left))
        now = time.monotonic()
        hits = int(dataclay_inmemory_hits_total.get())
        misses = int(dataclay_inmemory_misses_total.get())
        total = hits + misses
        line = (
            f"hits {hits:,}  misses {misses:,}  hit ratio {hits / max(total, 1):.1%}"
            f"  {(total - counted) / (now - then):,.0f} increments/s  {url}"
        )
        if live:
            width = shutil.get_terminal_size().columns
            print(f"\r{line[: width - 1]}\x1b[K", end="", flush=True)
        else:
            print(line, flush=True)
        counted, then = total, now


def summary(hits: int, misses: int, lookups: int) -> str:
    """Returns the last lines: whether the metrics equal the number that the cache counted."""
    verdict = "equal" if hits + misses == lookups else "NOT EQUAL"
    return (
        f"hits            {hits:>15,}\n"
        f"misses          {misses:>15,}\n"
        f"hits + misses   {hits + misses:>15,}\n"
        f"cache's lookups {lookups:>15,}  {verdict}"
    )


def run(options: argparse.Namespace) -> int:
    """Runs the demo and returns its exit status: 0 if hits + misses equal the cache's lookups."""
    try:
        # Loopback only: a demo opens no port to the network.
        server = start_http_server(options.port, addr="127.0.0.1")
        if options.push is not None:
            host, port = options.push
            set_metrics(host, port, "pushgateway")
    except (OSError, ValueError) as error:
        print(f"dataclay-metrics demo: {error}", file=sys.stderr)
        if isinstance(error, OSError):
            print("Choose another port: --port N, or --port 0 for any free one.", file=sys.stderr)
        return 1

    cache = ObjectCache(CAPACITY)
    stop = threading.Event()
    workers = [threading.Thread(target=work, args=(cache, seed, stop)) for seed in range(WORKERS)]
    print(f"{WORKERS} threads look up objects. Metrics: {server.url}  (Ctrl-C ends it)", flush=True)
    try:
        for worker in workers:
            worker.start()
        watch(server.url, options.seconds)
    except KeyboardInterrupt:
        pass  # how a demo without --seconds ends
    finally:
        stop.set()
        for worker in workers:
            worker.join()

    shutdown()
    hits = int(dataclay_inmemory_hits_total.get())
    misses = int(dataclay_inmemory_misses_total.get())
    print()
    print(summary(hits, misses, cache.lookups))
    return 0 if hits + misses == cache.lookups else 1


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds ``demo`` and its options to the command line."""
    parser = commands.add_parser(
        "demo",
        help="run a small object cache and watch its metrics",
        description="Runs a small object cache under several threads, serves its metrics over "
        "HTTP and shows them live.",
    )
    parser.add_argument(
        "--seconds", type=_seconds, metavar="N", help="how long to run (default: until Ctrl-C)"
    )
    parser.add_argument(
        "--port", type=_port, default=8000, help="HTTP port, 0 for any free one (default: 8000)"
    )
    parser.add_argument(
        "--push", type=_gateway, metavar="HOST:PORT", help="push to this Pushgateway as well"
    )
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: must be a number of seconds, more than 0")
    return value


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text}: must be 0 to 65535")
    return int(text)


def _gateway(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host:
        raise argparse.ArgumentTypeError(f"{without_secrets(text)}: must be HOST:PORT")
    return host.strip("[]"), _port(port)
