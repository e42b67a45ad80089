"""Tests how exporters start and end."""

import socket

import dataclay_metrics
import interpreter
import pytest
from servers import TIMEOUT


def test_a_second_start_returns_the_first_exporter() -> None:
    code = """
import dataclay_metrics as metrics
first = metrics.set_metrics("127.0.0.1", 0, "http")
print(metrics.set_metrics("127.0.0.1", 0, "http") is first, metrics.start() is first)
metrics.shutdown()
metrics.shutdown()
again = metrics.set_metrics("127.0.0.1", 0, "http")
print(again is first)
"""
    assert interpreter.output(code) == "True True\nFalse\n"


def test_the_error_for_a_taken_port_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(OSError, match=str(port)):
            dataclay_metrics.start_http_server(port, addr="127.0.0.1")


def test_a_server_without_references_runs_until_shutdown() -> None:
    code = """
import gc
from urllib.request import urlopen
import dataclay_metrics
url = dataclay_metrics.start_http_server(0, addr="127.0.0.1").url
gc.collect()
print(urlopen(url).status)
dataclay_metrics.shutdown()
try:
    urlopen(url)
except OSError as error:
    print(error.reason.__class__.__name__)
"""
    assert interpreter.output(code) == "200\nConnectionRefusedError\n"


def test_a_stopped_server_frees_its_port() -> None:
    server = dataclay_metrics.start_http_server(0, addr="127.0.0.1")
    server.stop()
    server.stop()
    with socket.create_server(("127.0.0.1", server.port)):
        pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT)


# A scrape is in the function of a gauge when the exporter ends. A thread measures the longest time
# for which it did not run.
END = """
import gc, sys, threading, time, urllib.request
import dataclay_metrics as metrics
from dataclay_metrics import _native

def longest_gap(how):
    registry = metrics.CollectorRegistry()
    entered, over, gap = threading.Event(), threading.Event(), 0.0

    def function():
        entered.set()
        time.sleep(0.3)
        return 1

    metrics.Gauge("g", "h", registry=registry).set_function(function)
    exporter = _native.HttpExporter(registry, "127.0.0.1", 0)
    url = exporter.url

    def measure():
        nonlocal gap
        last = time.monotonic()
        while not over.is_set():
            time.sleep(0.005)
            now = time.monotonic()
            gap, last = max(gap, now - last), now

    def scrape():
        try:
            urllib.request.urlopen(url, timeout=50).read()
        except OSError:
            pass  # the exporter may end before its response

    threads = [threading.Thread(target=measure), threading.Thread(target=scrape)]
    for thread in threads:
        thread.start()
    assert entered.wait(50)
    if how == "forgotten":
        del exporter
        gc.collect()
    else:
        stopping = threading.Thread(target=exporter.stop)
        stopping.start()
        time.sleep(0.05)  # the stop has begun
        getattr(exporter, how), repr(exporter), exporter.host
        stopping.join()
    over.set()
    for thread in threads:
        thread.join()
    return gap

print(min(longest_gap(sys.argv[1]) for _ in range(3)))
"""


@pytest.mark.timed
@pytest.mark.parametrize("how", ["url", "port", "forgotten"])
def test_an_exporter_that_ends_does_not_block_other_threads(how: str) -> None:
    """Measures three stops, each of which takes 0.3 s. A busy machine may delay a thread once."""
    ended = interpreter.run("-c", END, how)
    assert ended.status == 0, ended
    assert float(ended.stdout) < 0.25
