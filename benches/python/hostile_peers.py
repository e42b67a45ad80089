"""Measures scrapes and memory while hostile peers send without end, or never read.

    .venv/bin/python benches/python/hostile_peers.py [SECONDS]

An endpoint of this package serves 100,000 series. 32 peers send without end after their request.
256 peers request all series and never read. A third process requests one metric and the health, and
does the same at an endpoint that nobody attacks. The ratio of the two times is the cost of the
attack. The goals are a 99th percentile under 50 ms and a growth of less than 32 expositions.
"""

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import dataclay_metrics as m

FLOODING, SLOW, FAMILIES, CHILDREN = 32, 256, 10, 10_000
PATHS = ["/metrics?name[]=small", "/-/healthy"]


def large_registry() -> m.CollectorRegistry:
    registry = m.CollectorRegistry()
    m.Gauge("small", "A metric next to the large families", registry=registry).set(3)
    for family in range(FAMILIES):
        name, labels = f"requests_of_family_{family}", ["method", "instance"]
        counter = m.Counter(name, "Some help text", labels, registry=registry)
        for child in range(CHILDREN):
            counter.labels("get", f"host-{child:06}.example.org").inc(child)
    return registry


def resident(process: int) -> int:
    """Returns the resident memory of a process in bytes."""
    with open(f"/proc/{process}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def flood(port: int) -> None:
    """Sends without end, and connects again when the endpoint closes the connection."""
    with tempfile.TemporaryFile() as file:
        file.write(bytes(16 << 20))
        file.flush()
        while True:
            try:
                with socket.create_connection(("127.0.0.1", port)) as peer:
                    peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
                    while True:
                        os.sendfile(peer.fileno(), file.fileno(), 0, 16 << 20)
            except OSError:
                pass  # the endpoint has closed the connection


def never_read(port: int) -> None:
    """Keeps SLOW connections open that never read, and replaces those that the endpoint closes."""
    peers: list[socket.socket] = []
    is_reported = False
    while True:
        while len(peers) < SLOW:
            peer = socket.socket()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            try:
                peer.connect(("127.0.0.1", port))
                peer.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            except OSError:
                pass  # closed already
            peer.setblocking(False)
            peers.append(peer)
        if not is_reported:
            print("attacking", flush=True)
            is_reported = True
        time.sleep(0.2)
        alive = []
        for peer in peers:
            try:
                is_open = bool(peer.recv(64))
            except BlockingIOError:
                is_open = True
            except OSError:
                is_open = False
            if is_open:
                alive.append(peer)
            else:
                peer.close()
        peers = alive


def attack(port: int) -> None:
    for _ in range(FLOODING):
        threading.Thread(target=flood, args=(port,), daemon=True).start()
    never_read(port)


def get(port: int, path: str) -> float:
    """Sends one request, and returns its milliseconds."""
    began = time.perf_counter()
    peer = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    peer.request("GET", path)
    response = peer.getresponse()
    body = response.read()
    peer.close()
    assert response.status == 200 and (b"small 3" in body or body == b"healthy\n"), body
    return (time.perf_counter() - began) * 1e3


def measure(
    process: int, before: int, size: int, attacked: int, quiet: int, seconds: float
) -> None:
    """Requests both paths from both endpoints, and prints the times and the growth of memory."""
    most, end = 0, time.time() + seconds
    times: dict[tuple[str, int], list[float]] = {}
    while time.time() < end:
        for path in PATHS:
            for port in (attacked, quiet):
                times.setdefault((path, port), []).append(get(port, path))
        most = max(most, resident(process))
        time.sleep(0.01)
    for path in PATHS:
        under_attack, at_rest = times[path, attacked], times[path, quiet]
        ratio = statistics.median(under_attack) / statistics.median(at_rest)
        for what, figures in (("attacked", under_attack), ("quiet", at_rest)):
            p99 = sorted(figures)[len(figures) * 99 // 100]
            print(
                f"{path:24} {what:8}: {len(figures)} requests, median "
                f"{statistics.median(figures):.1f} ms, p99 {p99:.1f} ms, worst {max(figures):.1f} ms"
            )
        print(f"{path:24} median of attacked against quiet: {ratio:.2f}")
    grown = most - before
    print(
        f"memory grew by {grown / 1e6:.0f} MB: {grown / size:.1f} expositions of {size / 1e6:.1f} MB"
    )


def main(seconds: float) -> None:
    registry = large_registry()
    size = len(m.generate_latest(registry))
    small = m.CollectorRegistry()
    m.Gauge("small", "The only metric", registry=small).set(3)
    attacked = m.start_http_server(0, addr="127.0.0.1", registry=registry).port
    quiet = m.start_http_server(0, addr="127.0.0.1", registry=small).port
    get(attacked, "/metrics")
    before = resident(os.getpid())
    ports = [str(attacked), str(quiet)]
    this = [sys.executable, __file__]
    command = [*this, "attack", str(attacked)]
    attacking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert attacking.stdout is not None and attacking.stdout.readline() == "attacking\n"
    measured = [str(os.getpid()), str(before), str(size), *ports, str(seconds)]
    try:
        subprocess.run([*this, "measure", *measured], check=True)
    finally:
        attacking.kill()
        attacking.wait()
    m.shutdown()


if __name__ == "__main__":
    if sys.argv[1:2] == ["attack"]:
        attack(int(sys.argv[2]))
    elif sys.argv[1:2] == ["measure"]:
        measure(*map(int, sys.argv[2:7]), float(sys.argv[7]))
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 20)
