"""Tests pushes to a real Pushgateway, while processes run and after they exit."""

import socket
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from pathlib import Path
from threading import Thread
from typing import Any, Literal

import interpreter
import pytest
import servers
from dataclay_metrics import (
    CollectorRegistry,
    Counter,
    Gauge,
    delete_from_gateway,
    push_to_gateway,
)
from dataclay_metrics.core import GaugeHistogramMetricFamily
from dataclay_metrics.exposition import default_handler
from servers import Pushgateway, free_port, get, wait_for
from stack import exporting

HITS = "dataclay_inmemory_hits_total"


def pushing_to(port: int, interval: str = "10") -> dict[str, str]:
    return exporting("pushgateway", port, DATACLAY_METRICS_PUSH_INTERVAL=interval)


# Counts the number in each line of stdin, and ends at the end of stdin.
COUNT = """
import sys
import dataclay_metrics as metrics
metrics.start()
for line in sys.stdin:
    metrics.dataclay_inmemory_hits_total.inc(int(line))
"""


def test_two_processes_push_two_groups_and_each_exit_pushes_the_final_counts(
    pushgateway: Pushgateway,
) -> None:
    with ExitStack() as stack:
        amounts = (100, 20)
        processes = [
            stack.enter_context(
                interpreter.running("-c", COUNT, **pushing_to(pushgateway.port, interval="1"))
            )
            for _ in amounts
        ]
        for process, amount in zip(processes, amounts, strict=True):
            assert process.stdin is not None
            process.stdin.write(f"{amount}\n")
            process.stdin.flush()
        host = socket.gethostname()
        names = [f"{host}:{process.pid}" for process in processes]
        wait_for(
            lambda: pushgateway.values(HITS), dict(zip(names, map(float, amounts), strict=True))
        )

        for process in processes:
            _, stderr = process.communicate("3\n", timeout=interpreter.TIMEOUT)
            assert (process.returncode, stderr) == (0, "")
        assert pushgateway.values(HITS) == dict(zip(names, (103.0, 23.0), strict=True))


def test_the_environment_sets_job_and_instance(pushgateway: Pushgateway) -> None:
    interpreter.output(
        COUNT,
        **pushing_to(pushgateway.port),
        DATACLAY_METRICS_JOB="edge",
        DATACLAY_METRICS_INSTANCE="node/7 é",
    )
    assert f'{HITS}{{instance="node/7 é",job="edge"}} 0\n' in get(
        f"http://{pushgateway.address}/metrics"
    )


def test_a_forked_child_pushes_to_a_separate_group(pushgateway: Pushgateway) -> None:
    code = """
import os
import dataclay_metrics as metrics

parent = metrics.start()
child = os.fork()
if child == 0:
    assert metrics.start() is parent and parent.url.endswith(str(os.getpid()))
    metrics.shutdown()
    os._exit(0)
print(os.getpid(), child, os.waitpid(child, 0)[1])
"""
    printed = interpreter.output(code, **pushing_to(pushgateway.port))
    parent, child, status = printed.split()
    assert status == "0"
    groups = {name.rpartition(":")[2] for name in pushgateway.values(HITS)}
    assert groups == {parent, child}


def test_push_to_gateway_replaces_only_its_group(each_pushgateway: Pushgateway) -> None:
    registry = CollectorRegistry()
    first = Counter("first", "First", registry=registry)
    first.inc(5)
    push_to_gateway(each_pushgateway.address, "dataclay", registry, {"instance": "a"})
    push_to_gateway(f"http://{each_pushgateway.address}", "dataclay", registry, {"instance": 2})
    assert each_pushgateway.values("first_total") == {"a": 5.0, "2": 5.0}

    registry.unregister(first)
    Counter("second", "Second", registry=registry).inc(6)
    push_to_gateway(
        each_pushgateway.address, job="dataclay", registry=registry, grouping_key={"instance": "a"}
    )
    assert each_pushgateway.values("first_total") == {"2": 5.0}
    assert each_pushgateway.values("second_total") == {"a": 6.0}


def test_the_error_of_a_failed_push_names_the_gateway() -> None:
    gateway = f"127.0.0.1:{free_port()}"
    with pytest.raises(OSError, match=gateway):
        push_to_gateway(gateway, "dataclay", CollectorRegistry())


@pytest.mark.parametrize("gateway", ["silent", "black_hole"])
def test_a_push_to_a_silent_gateway_raises_after_the_timeout(
    gateway: str, request: pytest.FixtureRequest
) -> None:
    port = request.getfixturevalue(gateway)
    with pytest.raises(OSError, match=str(port)):
        push_to_gateway(f"127.0.0.1:{port}", "dataclay", CollectorRegistry(), timeout=0.5)


def test_the_error_of_a_refused_push_has_the_reason(
    each_pushgateway: Pushgateway,
) -> None:
    registry = CollectorRegistry()
    # The gateway exposes a counter of this name, and allows one type for each name.
    Gauge("go_memstats_alloc_bytes_total", "A gauge of this test", registry=registry)
    with pytest.raises(OSError, match="go_memstats_alloc_bytes_total"):
        push_to_gateway(each_pushgateway.address, "dataclay", registry, {"instance": "a"})
    assert each_pushgateway.values("go_memstats_alloc_bytes_total") == {}


def test_a_grouping_key_may_have_any_value(each_pushgateway: Pushgateway) -> None:
    registry = CollectorRegistry()
    Gauge("room", "Room", registry=registry).set(1)
    for value in ["/", "a/b", "", " ", "+", ".", "..", "%2F", "=", "é", "日本", "a b+c", "host:1"]:
        push_to_gateway(each_pushgateway.address, "x", registry, {"l": value})
        (sample,) = [s for s in each_pushgateway.samples() if s.name == "room"]
        assert sample.labels.get("l", "") == value and sample.labels["job"] == "x"
        delete_from_gateway(each_pushgateway.address, "x", {"l": value})
        # The gateway responds before it deletes the group.
        wait_for(lambda: "room" in {s.name for s in each_pushgateway.samples()}, False)


@pytest.mark.parametrize(
    ("gateway", "job", "grouping_key"),
    [
        ("", "dataclay", {}),
        ("127.0.0.1:9091", "", {}),
        ("127.0.0.1:9091", "dataclay", {"1st": "x"}),
        ("127.0.0.1:9091", "dataclay", {"job": "x"}),
    ],
)
def test_wrong_input_raises_a_value_error(
    gateway: str, job: str, grouping_key: dict[str, object]
) -> None:
    with pytest.raises(ValueError):
        push_to_gateway(gateway, job, CollectorRegistry(), grouping_key)


# Pushes until the end of stdin. After each line of stdin, prints when five more pushes have failed.
FAILING = """
import sys, time
import dataclay_metrics as metrics

def failures():
    return metrics.REGISTRY.get_sample_value("dataclay_metrics_pushes_total", {"result": "failure"})

metrics.start()
for line in sys.stdin:
    enough = failures() + 5
    while failures() < enough:
        time.sleep(0.01)
    print("failed", flush=True)
"""


def test_a_series_of_failures_is_logged_once_at_its_start_and_end(tmp_path: Path) -> None:
    port = free_port()
    with interpreter.running("-c", FAILING, **pushing_to(port, interval="0.1")) as process:
        assert process.stdin is not None and process.stdout is not None
        for _ in range(2):
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "failed\n"
            with servers.pushgateway(tmp_path, port) as gateway:
                wait_for(lambda gateway=gateway: len(gateway.values(HITS)), 1)  # type: ignore[misc]
        with servers.pushgateway(tmp_path, port):
            _, errors = process.communicate(timeout=interpreter.TIMEOUT)
    assert process.returncode == 0
    logged = ["works again" if "works again" in line else "failed" for line in errors.splitlines()]
    # If the end of the gateway interrupts a push, that failure has another reason than the next.
    series = [(what, len(list(lines))) for what, lines in groupby(logged)]
    assert all(lines <= 1 + (what == "failed") for what, lines in series), errors
    # The last gateway may start before a push has failed.
    assert [what for what, _ in series[:4]] == ["failed", "works again"] * 2, errors
    assert len(series) <= 6, errors
    assert all(f"127.0.0.1:{port}/" in line for line in errors.splitlines())


@pytest.mark.parametrize("handler", [None, default_handler])
def test_a_redirect_is_an_error_and_is_not_followed(handler: Any) -> None:
    requested = []

    class Redirecting(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            requested.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(301)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/elsewhere")  # type: ignore[attr-defined]
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_PUT

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        Thread(target=server.serve_forever).start()
        try:
            with pytest.raises(OSError, match="301"):
                push_to_gateway(
                    f"127.0.0.1:{server.server_port}", "x", CollectorRegistry(), handler=handler
                )
        finally:
            server.shutdown()
    assert requested == ["/metrics/job/x"]


class Queue:
    """Yields a gauge histogram with a timestamp. Some Pushgateway refuses either of them."""

    def collect(self) -> list[GaugeHistogramMetricFamily]:
        queue = GaugeHistogramMetricFamily("a_queue", "Waiting")
        queue.add_metric([], [("1.0", 2), ("+Inf", 3)], gsum_value=5, timestamp=7)
        return [queue]


@pytest.mark.parametrize("handler", [None, default_handler])
def test_a_gateway_exposes_a_gauge_histogram_and_all_families_after_it(
    each_pushgateway: Pushgateway, handler: Any
) -> None:
    registry = CollectorRegistry()
    registry.register(Queue())
    Gauge("z_later", "After the queue", registry=registry).set(1)
    formats: list[Literal["protobuf", "text"]] = ["protobuf", "text"]
    for format in formats:
        push_to_gateway(each_pushgateway.address, format, registry, handler=handler, format=format)
    exposed = {
        (s.name, s.labels["job"], s.labels.get("le")): s.value
        for s in each_pushgateway.samples()
        if s.labels.get("job")
    }
    for job in formats:
        assert exposed[("a_queue_bucket", job, "1")] == 2
        assert exposed[("a_queue_bucket", job, "+Inf")] == 3
        assert exposed[("a_queue_gcount", job, None)] == 3
        assert exposed[("a_queue_gsum", job, None)] == 5
        assert exposed[("z_later", job, None)] == 1


@pytest.mark.parametrize("handler", [None, default_handler])
def test_a_wrong_format_is_refused_before_a_push(handler: Any) -> None:
    wrong: Any = "xml"
    with pytest.raises(ValueError, match='format "xml": must be text or protobuf'):
        push_to_gateway("127.0.0.1:1", "job", CollectorRegistry(), handler=handler, format=wrong)


def test_a_push_ignores_proxies_in_the_environment() -> None:
    proxy = f"http://127.0.0.1:{free_port()}"
    began = time.monotonic()
    ended = interpreter.run(
        "-c",
        "from dataclay_metrics import push_to_gateway; push_to_gateway('gateway.invalid:9', 'x')",
        http_proxy=proxy,
        HTTP_PROXY=proxy,
        ALL_PROXY=proxy,
    )
    assert time.monotonic() - began < 40
    assert proxy.removeprefix("http://") not in ended.stderr and "gateway.invalid" in ended.stderr
