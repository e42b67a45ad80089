"""Runs the demo: the measurement, then the cache."""

import argparse
import shutil
import signal
import sys
import threading
import time
from contextlib import ExitStack

from ... import (
    dataclay_inmemory_hits_total,
    dataclay_inmemory_misses_total,
    set_metrics,
    shutdown,
    start_http_server,
)
from . import duel, prometheus
from .cache import CAPACITY, WORKERS, ObjectCache, work


def watch(seconds: float | None) -> None:
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
        line = live_line(hits, misses, (hits + misses - counted) / (now - then))
        if live:
            width = shutil.get_terminal_size().columns
            print(f"\r{line[: width - 1]}\x1b[K", end="", flush=True)
        else:
            print(line, flush=True)
        counted, then = hits + misses, now


def live_line(hits: int, misses: int, rate: float) -> str:
    """Returns the line that is updated. It has at most 80 columns, even after hours of counting."""
    ratio = hits / max(hits + misses, 1)
    return f"hits {hits:,}  misses {misses:,}  hit ratio {ratio:.1%}  {rate:,.0f} lookups/s"


def summary(hits: int, misses: int, lookups: int) -> str:
    """Returns the last lines, which compare the metrics with the number that the cache counted."""
    verdict = "equal" if hits + misses == lookups else "NOT EQUAL"
    return (
        f"hits            {hits:>15,}\n"
        f"misses          {misses:>15,}\n"
        f"hits + misses   {hits + misses:>15,}\n"
        f"cache's lookups {lookups:>15,}  {verdict}"
    )


def run(options: argparse.Namespace) -> int:
    """Runs the demo and returns its exit status: 0 if hits + misses equal the cache's lookups."""
    # The signal is handled like Ctrl-C, because a Prometheus that the demo has started must not
    # outlive it.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    with ExitStack() as stack:
        try:
            # Loopback only, because a demo should not open a port to the network.
            server = start_http_server(options.port, addr="127.0.0.1")
            if options.push is not None:
                host, port = options.push
                set_metrics(host, port, "pushgateway")
            lines = [
                f"Live page   {server.url.removesuffix('metrics')}",
                f"Metrics     {server.url}",
            ]
            if options.prometheus:
                lines += stack.enter_context(prometheus.running(f"127.0.0.1:{server.port}"))
        except (OSError, ValueError) as error:
            print(f"dataclay-metrics demo: {error}", file=sys.stderr)
            if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
                print(
                    "Choose another port: --port N, or --port 0 for any free one.", file=sys.stderr
                )
            return 1
        return _run(options, lines)


def _run(options: argparse.Namespace, lines: list[str]) -> int:
    cache = ObjectCache(CAPACITY)
    stop = threading.Event()
    workers = [threading.Thread(target=work, args=(cache, seed, stop)) for seed in range(WORKERS)]
    print("\n".join(lines), flush=True)
    try:
        if not options.no_duel:
            print()
            for line in duel.table():
                print(line, flush=True)
        print(f"\n{WORKERS} threads look up objects in a cache. Ctrl-C ends it.", flush=True)
        for worker in workers:
            worker.start()
        watch(options.seconds)
    except KeyboardInterrupt:
        pass  # a demo without --seconds ends like this
    finally:
        stop.set()
        for worker in workers:
            if worker.ident is not None:  # Ctrl-C may come before it starts
                worker.join()

    shutdown()
    hits = int(dataclay_inmemory_hits_total.get())
    misses = int(dataclay_inmemory_misses_total.get())
    if sys.stdout.isatty():
        print()  # ends the updated line
    print()
    print(summary(hits, misses, cache.lookups))
    return 0 if hits + misses == cache.lookups else 1
