"""Measures how far continuous scrapes slow down a busy Python thread, and how long they take.

    .venv/bin/python benches/python/busy_thread.py [ROUNDS]

Each round has short slices of four kinds, in random order:

- nobody scrapes;
- an endpoint in another process is scraped, so that the machine has as much work;
- the endpoint of this package is scraped;
- the endpoint of prometheus_client is scraped.

With three cores, the busy thread has one core, the endpoints share one, and the scraper and the
other process share one. A slice is compared only with other slices of its round, so other load on
the machine cancels. The figures are medians of these ratios, with quartiles.
"""

import os
import random
import statistics
import subprocess
import sys
import time

import dataclay_metrics as ours
import prometheus_client as theirs
from registries import five_metrics

SLICE = 0.05  # seconds, which are ten switch intervals of the interpreter

CORES = sorted(os.sched_getaffinity(0))
BUSY, SERVING, SCRAPING = CORES[0], CORES[1 % len(CORES)], CORES[2 % len(CORES)]

# Reads a port from a line of input and scrapes it until the next line; prints the median time.
SCRAPER = """
import os, select, socket, statistics, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
for line in sys.stdin:
    port, times = int(line), []
    print(flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        began = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
            peer.sendall(b"GET /metrics HTTP/1.0\\r\\n\\r\\n")
            response = b""
            while chunk := peer.recv(65536):
                response += chunk
        times.append(time.perf_counter() - began)
        assert b"\\ncounter_1_total 1" in response, response
    sys.stdin.readline()
    print(statistics.median(times), len(times), flush=True)
"""

ELSEWHERE = f"""
import os, sys
os.sched_setaffinity(0, {{{SCRAPING}}})
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
import dataclay_metrics as ours
from registries import five_metrics
print(ours.start_http_server(0, addr="127.0.0.1", registry=five_metrics(ours)).port, flush=True)
sys.stdin.read()
"""


def start(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def write_line(process: "subprocess.Popen[str]", text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{text}\n")


def queued() -> float:
    """Returns the seconds that this thread has waited for its core."""
    with open("/proc/thread-self/schedstat") as file:
        return int(file.read().split()[1]) / 1e9


def work() -> float:
    """Runs pure Python for one slice. Returns rounds per second.

    The wait for the interpreter counts as time. The wait for the core does not.
    """
    began, before = time.perf_counter(), queued()
    rounds = 0
    while time.perf_counter() < began + SLICE:
        for _ in range(1000):
            pass
        rounds += 1
    return rounds / (time.perf_counter() - began - (queued() - before))


def idle() -> float:
    time.sleep(SLICE)
    return 0.0


def spread(ratios: list[float]) -> str:
    low, median, high = statistics.quantiles(ratios, n=4)
    return f"{median:6.1%} ({low:6.1%} to {high:6.1%})"


def main(rounds: int) -> None:
    os.sched_setaffinity(0, {SERVING})  # the servers' threads inherit it
    our_port = ours.start_http_server(0, addr="127.0.0.1", registry=five_metrics(ours)).port
    their_server, _ = theirs.start_http_server(0, "127.0.0.1", five_metrics(theirs))
    os.sched_setaffinity(0, {BUSY})
    elsewhere, scraper = start(ELSEWHERE), start(SCRAPER, str(SCRAPING))
    ports = {
        "nobody": 0,
        "elsewhere": int(read_line(elsewhere)),
        "ours": our_port,
        "theirs": their_server.server_port,
    }
    speeds: dict[str, list[float]] = {name: [] for name in ports}
    medians: dict[tuple[str, bool], list[float]] = {}
    kinds = [(name, True) for name in ports] + [("ours", False), ("theirs", False)]
    for _ in range(rounds):
        for name, busy in random.sample(kinds, len(kinds)):
            if ports[name]:
                write_line(scraper, str(ports[name]))
                read_line(scraper)
            speed = work() if busy else idle()
            if busy:
                speeds[name].append(speed)
            if ports[name]:
                write_line(scraper, "")
                median, _ = read_line(scraper).split()
                medians.setdefault((name, busy), []).append(float(median))
    for name in ("elsewhere", "ours", "theirs"):
        kept = [s / nobody for s, nobody in zip(speeds[name], speeds["nobody"], strict=True)]
        print(f"busy thread while {name:9} is scraped, against no scrape: {spread(kept)}")
    for name in ("ours", "theirs"):
        kept = [s / e for s, e in zip(speeds[name], speeds["elsewhere"], strict=True)]
        print(f"busy thread while {name:9} is scraped, against elsewhere: {spread(kept)}")
    for name in ("ours", "theirs"):
        idle_times, busy_times = medians[name, False], medians[name, True]
        times = [b / i for b, i in zip(busy_times, idle_times, strict=True)]
        print(
            f"scrape p50 of {name:7} idle {statistics.median(idle_times) * 1e3:6.2f} ms, "
            f"busy {statistics.median(busy_times) * 1e3:6.2f} ms, ratio {statistics.median(times):6.2f}"
        )
    elsewhere.kill()
    scraper.kill()
    ours.shutdown()
    os._exit(0)  # the threads of prometheus_client never end


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
