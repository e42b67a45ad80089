"""Serves metrics over HTTP: from this process, or from one that reads commands from stdin."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import interpreter
from dataclay_metrics import CollectorRegistry, start_http_server

# Metrics of every type. Each line of stdin is a command: `+ N` counts N hits, `close` stops the
# endpoint, and `open` restarts it.
SERVED = """
import sys
import dataclay_metrics as metrics
from dataclay_metrics.core import (
    GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily, SummaryMetricFamily,
)

class Node:
    def collect(self):
        buckets = [("0.1", 50), ("0.2", 90), ("1.0", 99), ("+Inf", 100)]
        waits = HistogramMetricFamily("wait_seconds", "Time waited", labels=["queue"])
        for queue in ("mail", "render"):
            waits.add_metric([queue], buckets=buckets, sum_value=12.5)
        yield waits
        yield GaugeMetricFamily("cache_bytes", "Memory of the cache", value=3 * 2**20)
        yield InfoMetricFamily("service", "What runs", value={"version": "4.3.1"})
        yield SummaryMetricFamily("rows", "Rows of a batch", count_value=4, sum_value=9)
        odd = GaugeMetricFamily("odd", 'Help with \\\\ and "', labels=["text"])
        odd.add_metric(['<b>} # {"\\\\\\n,='], float("nan"))
        yield odd

registry = metrics.CollectorRegistry()
registry.register(Node())
calls = metrics.Counter(
    "calls", "Calls of a method", ["method"], registry=registry, max_children=20_000
)
for number in range(int(sys.argv[1])):
    calls.labels(f"method_{number}").inc(number)
metrics.dataclay_inmemory_misses_total.inc(100)
metrics.dataclay_inmemory_hits_total.inc(300)
for name in ("hits_total", "misses_total", "objects"):
    registry.register(getattr(metrics, f"dataclay_inmemory_{name}"))
server = metrics.start_http_server(0, addr="127.0.0.1", registry=registry)
port = server.port
print(port, flush=True)
for line in sys.stdin:
    match line.split():
        case ["+", hits]:
            metrics.dataclay_inmemory_hits_total.inc(int(hits))
        case ["close"]:
            server.stop()
        case ["open"]:
            server = metrics.start_http_server(port, addr="127.0.0.1", registry=registry)
    print("done", flush=True)
"""

# The counts of eight processes of one node. Process N has N hits in 100 lookups.
NODE = """
import sys
import dataclay_metrics as metrics

registry = metrics.CollectorRegistry()
labels = ["service", "instance"]
hits = metrics.Counter("dataclay_inmemory_hits", "Hits", labels, registry=registry)
misses = metrics.Counter("dataclay_inmemory_misses", "Misses", labels, registry=registry)
for number in range(8):
    hits.labels("backend", f"node:{number}").inc(number)
    misses.labels("backend", f"node:{number}").inc(100 - number)
server = metrics.start_http_server(0, addr="127.0.0.1", registry=registry)
print(server.port, flush=True)
sys.stdin.read()
"""

# An application that uses the default registry, but not dataClay. Each line of stdin is a number of
# stored objects.
UNUSED = """
import sys
import dataclay_metrics as metrics

server = metrics.start_http_server(0, addr="127.0.0.1")
print(server.port, flush=True)
for line in sys.stdin:
    metrics.dataclay_stored_objects.set(int(line))
    print("done", flush=True)
"""


@contextmanager
def http_exporter(registry: CollectorRegistry) -> Iterator[Any]:
    """Serves a registry from this process during the block."""
    exporter = start_http_server(0, "127.0.0.1", registry)
    try:
        yield exporter
    finally:
        exporter.stop()


class Served:
    """A process with a scrape endpoint that reads commands."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None and process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout
        self.address = f"127.0.0.1:{self._stdout.readline().strip()}"
        self.url = f"http://{self.address}/"

    def do(self, command: str) -> None:
        """Sends a command, and waits until it is done."""
        self._stdin.write(command + "\n")
        self._stdin.flush()
        assert self._stdout.readline() == "done\n"


@contextmanager
def serving(series: int = 3, program: str = SERVED) -> Iterator[Served]:
    """Runs a program during the block. ``SERVED`` has one counter with this number of series."""
    with interpreter.running("-c", program, str(series)) as process:
        yield Served(process)
