"""Measures scrapes while a thread holds the interpreter lock to sort three million floats.

    .venv/bin/python benches/python/held_lock.py [SCRAPES]

A gauge has a cheap function. A scraper in another process waits for at most a minute, as Prometheus
may. It scrapes prometheus_client a tenth as often, because each scrape takes several sorts. For
both, this prints how many scrapes had the gauge, how long they took, and how many sorts ended
during one. During a scrape that takes the lock once, at most one sort ends.
"""

import os
import random
import statistics
import subprocess
import sys
import time
from types import ModuleType
from typing import Any

import dataclay_metrics as ours
import prometheus_client as theirs

SCRAPER = """
import sys, time, urllib.request
for _ in range(int(sys.argv[2])):
    request = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/metrics")
    request.add_header("X-Prometheus-Scrape-Timeout-Seconds", "60")
    began = time.monotonic()
    page = urllib.request.urlopen(request, timeout=90).read().decode()
    print("queue_length 3" in page, began, time.monotonic(), flush=True)
    time.sleep(0.05)
"""


def measure(module: ModuleType, scrapes: int, data: list[float]) -> None:
    registry: Any = module.CollectorRegistry()
    module.Gauge("queue_length", "Cheap", registry=registry).set_function(lambda: 3)
    server, _ = module.start_http_server(0, addr="127.0.0.1", registry=registry)
    port = server.port if module is ours else server.server_port
    command = [sys.executable, "-c", SCRAPER, str(port), str(scrapes)]
    scraper = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    ends, began = [], time.monotonic()
    while scraper.poll() is None:
        sorted(data)
        ends.append(time.monotonic())
    lines = [line.split() for line in scraper.communicate()[0].splitlines()]
    spans = [(float(begin), float(end)) for _, begin, end in lines]
    had = sum(found == "True" for found, _, _ in lines)
    times = [end - begin for begin, end in spans]
    within = [sum(begin < at < end for at in ends) for begin, end in spans]
    print(
        f"{module.__name__:18}: {had} of {len(lines)} scrapes had the gauge; median "
        f"{statistics.median(times):.2f} s, worst {max(times):.2f} s. Sorts that ended during one: "
        f"mean {statistics.mean(within):.1f}, most {max(within)}. "
        f"A sort took {(ends[-1] - began) / len(ends):.2f} s"
    )


def main(scrapes: int) -> None:
    data = [random.random() for _ in range(3_000_000)]
    measure(ours, scrapes, data)
    measure(theirs, max(scrapes // 10, 1), data)
    sys.stdout.flush()
    os._exit(0)  # the threads of prometheus_client never end


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
