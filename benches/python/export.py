"""Measures pushes, exits and scrapes with slow or missing peers, here and in prometheus_client.

    PATH=target/servers/bin:$PATH .venv/bin/python benches/python/export.py

It needs prometheus-pushgateway on PATH. Compare the figures of one run only with each other.
`busy_thread.py` measures scrapes of a busy process.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "python"))

import dataclay_metrics as ours
import prometheus_client as theirs
import servers
from registries import five_metrics


def quantiles(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    p99 = ordered[int(len(ordered) * 0.99)]
    return f"p50 {statistics.median(ordered) * 1e3:8.2f} ms   p99 {p99 * 1e3:8.2f} ms"


SCRAPER = """
import http.client, sys, time
port, seconds = int(sys.argv[1]), float(sys.argv[2])
end = time.monotonic() + seconds
while time.monotonic() < end:
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/metrics")
    assert connection.getresponse().read()
    connection.close()
    print(time.perf_counter() - began)
"""


def scrape(port: int, seconds: float) -> list[float]:
    """Scrapes continuously from another process. Returns the seconds of each scrape."""
    command = [sys.executable, "-c", SCRAPER, str(port), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [float(line) for line in done.stdout.split()]


def half_open(name: str, port: int) -> None:
    """Prints threads, descriptors and scrapes of an endpoint with 500 half-open connections."""

    def state() -> str:
        return f"threads {len(os.listdir('/proc/self/task')):4}  fds {len(os.listdir('/proc/self/fd')):4}"

    before = state()
    peers = []
    for _ in range(500):
        peer = socket.create_connection(("127.0.0.1", port))
        peer.sendall(b"GET /metrics HTTP/1.1\r\n")
        peers.append(peer)
    time.sleep(0.5)
    during = state()  # the peers have 500 of the descriptors
    times = scrape(port, 3)
    time.sleep(9)
    after = state()
    for peer in peers:
        peer.close()
    time.sleep(0.5)
    print(f"{name:18} before {before} | 500 half-open {during} | {quantiles(times)}")
    print(f"{'':18} 12 s later {after} | peers gone {state()}")


def push(name: str, library: ModuleType, gateway: str) -> None:
    """Prints the time of a push."""
    registry, times = five_metrics(library), []
    for _ in range(200):
        began = time.perf_counter()
        library.push_to_gateway(gateway, "bench", registry)
        times.append(time.perf_counter() - began)
    print(f"{name:18} {quantiles(times)}")


EXIT = """
import time
import dataclay_metrics as metrics
metrics.set_metrics({host!r}, {port}, "pushgateway")
metrics.dataclay_inmemory_hits_total.inc()
time.sleep(0.2)
"""


def exits(name: str, host: str, port: int) -> None:
    """Prints how long a process that pushes there takes to start and exit."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        code = EXIT.format(host=host, port=port)
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        times.append(time.perf_counter() - began - 0.2)
    print(
        f"{name:34} {min(times):5.2f} s (median {statistics.median(times):5.2f} s), 0.2 s of work not counted"
    )


def main() -> None:
    our_server = ours.start_http_server(0, addr="127.0.0.1", registry=five_metrics(ours))
    their_server, _ = theirs.start_http_server(0, "127.0.0.1", five_metrics(theirs))
    their_port = their_server.server_port
    print("\n# A push of five metrics to one gateway")
    with TemporaryDirectory() as directory, servers.pushgateway(Path(directory)) as gateway:
        for _ in range(2):
            push("dataclay_metrics", ours, gateway.address)
            push("prometheus_client", theirs, gateway.address)
        exits("exit, a gateway", "127.0.0.1", gateway.port)
    print("\n# Exit of a process that pushes")
    exits("exit, nobody listens", "127.0.0.1", servers.free_port())
    with socket.create_server(("127.0.0.1", 0)) as hole:
        exits("exit, accepts and never responds", "127.0.0.1", hole.getsockname()[1])
    # The queue of this listener holds one connection. It is full, so the system drops further ones.
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as hole,
        socket.create_connection(hole.getsockname()),
    ):
        exits("exit, packets vanish", "127.0.0.1", hole.getsockname()[1])
    exits("exit, the name does not resolve", "gateway.invalid", 9091)
    print("\n# 500 half-open connections")
    half_open("dataclay_metrics", our_server.port)
    half_open("prometheus_client", their_port)
    ours.shutdown()
    os._exit(0)  # the threads of prometheus_client never end


if __name__ == "__main__":
    main()
