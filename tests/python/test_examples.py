"""Tests that programs written for prometheus_client run here after a change of their imports.

Each program uses documented functions of prometheus_client, and runs in two interpreters. For the
second run, only the import lines name ``dataclay_metrics``. The output and the exposition of the
default registry must be equal.
"""

import json
import re
from pathlib import Path
from typing import Any

import interpreter
import pytest
import servers
from parsed import parsed
from servers import free_port

# The end of every program. It prints the exposition to stderr.
EPILOGUE = """
import json as _json, sys as _sys
from {library} import REGISTRY as _registry, generate_latest as _generate
_sys.stderr.write(_generate(_registry).decode())
"""


def run(program: str, library: str) -> tuple[str, dict[str, Any]]:
    """Returns the output and the exposition of the program, without families about the process."""
    program = re.sub(r"(?m)^(\s*(?:from|import)) prometheus_client", rf"\1 {library}", program)
    if library == "dataclay_metrics":
        program = re.sub(r"(?m)^import dataclay_metrics$", r"\g<0> as prometheus_client", program)
    ended = interpreter.run("-c", program + EPILOGUE.format(library=library))
    assert ended.status == 0, ended.stderr
    families = parsed(ended.stderr.encode())
    omitted = ("process_", "python_", "dataclay_")
    return ended.stdout, {k: v for k, v in families.items() if not k.startswith(omitted)}


PROGRAMS = {
    "counter": """
from prometheus_client import Counter
failures = Counter("my_failures", "What went wrong")
failures.inc()
failures.inc(1.5)
@failures.count_exceptions()
def risky(bad):
    if bad:
        raise KeyError("x")
    return 7
print(risky(False), risky.__name__)
try:
    risky(True)
except KeyError as error:
    print(error)
with failures.count_exceptions(ValueError):
    pass
try:
    with failures.count_exceptions((ValueError, TypeError)):
        raise TypeError
except TypeError:
    print("TypeError")
try:
    with failures.count_exceptions(ValueError):
        raise TypeError
except TypeError:
    print("not counted")
for wrong in (-1, -0.5):
    try:
        failures.inc(wrong)
    except ValueError:
        print("refused")
""",
    "gauge": """
import time
from prometheus_client import Gauge
inprogress = Gauge("inprogress_requests", "Requests under way")
inprogress.inc()
inprogress.dec(10)
inprogress.set(4.25)
@inprogress.track_inprogress()
def work():
    return inprogress.collect()[0].samples[0].value
print(work())
with inprogress.track_inprogress():
    print(inprogress.collect()[0].samples[0].value)
last = Gauge("last_seconds", "When it was last done")
last.set_to_current_time()
print(abs(last.collect()[0].samples[0].value - time.time()) < 60)
last.set(1)
took = Gauge("took_seconds", "How long it took")
with took.time() as timer:
    pass
print(timer.duration == took.collect()[0].samples[0].value, 0 <= timer.duration < 60)
took.set(0)
queue = Gauge("queue_length", "Jobs that wait")
jobs = [1, 2, 3]
queue.set_function(lambda: len(jobs))
jobs.append(4)
""",
    "info": """
from prometheus_client import Info
build = Info("my_build_version", "What runs here")
build.info({"version": "1.2.3", "buildhost": "me@here"})
""",
    "labels": """
from prometheus_client import Counter, Gauge
requests = Counter("my_requests_total", "Requests", ["method", "endpoint"])
requests.labels("get", "/").inc()
requests.labels(method="post", endpoint="/submit").inc(3)
requests.labels("delete", "/gone").inc()
requests.remove("delete", "/gone")
requests.labels("put", 7)
prepared = Gauge("temperature", "Of rooms", labelnames=("room",), namespace="house", unit="celsius")
for room in "ab":
    prepared.labels(room)
prepared.labels("a").set(-3.5)
for wrong in (lambda: requests.inc(), lambda: requests.labels("x"), lambda: requests.labels(a=1)):
    try:
        wrong()
    except ValueError:
        print("refused")
""",
    "exporting": """
import prometheus_client
import urllib.request
requests = prometheus_client.Counter("requests", "Requests")
server, thread = prometheus_client.start_http_server(PORT, addr="127.0.0.1")
requests.inc(3)
text = urllib.request.urlopen("http://127.0.0.1:PORT/metrics").read()
print(b"requests_total 3" in text)
server.shutdown()
thread.join()
""",
    "wsgi": """
from wsgiref.util import setup_testing_defaults
from prometheus_client import CollectorRegistry, Counter, make_wsgi_app
registry = CollectorRegistry()
for name in ("first", "second"):
    Counter(name, "Help", registry=registry).inc()
app = make_wsgi_app(registry)
def request(**environ):
    setup_testing_defaults(environ)
    seen = []
    body = b"".join(app(environ, lambda status, headers: seen.append((status, dict(headers)))))
    return *seen[0], body
for environ in ({}, {"QUERY_STRING": "name[]=first_total"}, {"PATH_INFO": "/favicon.ico"},
                {"REQUEST_METHOD": "OPTIONS"}):
    status, headers, body = request(**environ)
    lines = [line.replace(".0", "") for line in body.decode().splitlines()]
    print(status, headers, [line for line in lines if "_created" not in line])
status, headers, body = request(REQUEST_METHOD="POST")
print(status, headers)
status, headers, body = request(HTTP_ACCEPT_ENCODING="deflate, gzip;q=0.5")
import gzip
print(headers["Content-Encoding"], b"first_total 1" in gzip.decompress(body))
""",
    "asgi": """
import asyncio
from prometheus_client import CollectorRegistry, Counter, make_asgi_app
registry = CollectorRegistry()
Counter("first", "Help", registry=registry).inc()
async def request(headers, query=b""):
    sent = []
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}
    async def send(message):
        sent.append(message)
    scope = {"type": "http", "headers": headers, "query_string": query}
    await make_asgi_app(registry)(scope, receive, send)
    return sent
start, body = asyncio.run(request([]))
print(start["type"], start["status"], start["headers"], b"first_total 1" in body["body"])
start, body = asyncio.run(request([(b"accept-encoding", b"gzip")], b"name[]=nothing"))
print(start["headers"][1:], len(body["body"]) < 40)
""",
    "textfile": """
from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
import os, tempfile
registry = CollectorRegistry()
Gauge("raid_status", "1 if the array is well", registry=registry).set(1)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "raid.prom")
    write_to_textfile(path, registry)
    write_to_textfile(path, registry, tmpdir=folder)
    with open(path) as file:
        print(file.read().replace(".0", ""), os.listdir(folder), oct(os.stat(path).st_mode))
""",
    "custom collector": """
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, REGISTRY
from prometheus_client.core import HistogramMetricFamily, InfoMetricFamily, StateSetMetricFamily
from prometheus_client.core import SummaryMetricFamily, UntypedMetricFamily
from prometheus_client.registry import Collector
class CustomCollector(Collector):
    def collect(self):
        yield GaugeMetricFamily("my_gauge", "Help text", value=7)
        c = CounterMetricFamily("my_counter_total", "Help text", labels=["foo"])
        c.add_metric(["bar"], 1.7)
        c.add_metric(["baz"], 3.8, created=1234)
        yield c
        yield SummaryMetricFamily("my_summary", "Help", count_value=2, sum_value=3.5)
        yield HistogramMetricFamily("my_histogram", "H", [("1.0", 2), ("+Inf", 5)], sum_value=9)
        yield InfoMetricFamily("my_info", "Facts", {"a": "b"})
        yield StateSetMetricFamily("my_states", "States", {"on": True, "off": False})
        yield UntypedMetricFamily("my_untyped", "Unknown", value=1e20, unit="seconds")
collector = CustomCollector()
REGISTRY.register(collector)
print(REGISTRY.get_sample_value("my_counter_total", {"foo": "baz"}))
print(sorted(m.name for m in REGISTRY.collect() if m.name.startswith("my_")))
try:
    REGISTRY.register(CustomCollector())
except ValueError:
    print("refused")
only = REGISTRY.restricted_registry(["my_gauge", "my_summary_sum"])
print(sorted((s.name, s.labels, float(s.value)) for m in only.collect() for s in m.samples))
""",
    "default collectors": """
import prometheus_client
prometheus_client.disable_created_metrics()
for collector in (prometheus_client.GC_COLLECTOR, prometheus_client.PLATFORM_COLLECTOR,
                  prometheus_client.PROCESS_COLLECTOR):
    prometheus_client.REGISTRY.unregister(collector)
text = prometheus_client.generate_latest(prometheus_client.REGISTRY).decode()
print([line for line in text.splitlines() if "python_" in line or "process_" in line])
registry = prometheus_client.CollectorRegistry()
prometheus_client.ProcessCollector(registry=registry)
prometheus_client.GCCollector(registry)
prometheus_client.PlatformCollector(registry)
names = sorted(m.name for m in registry.collect() if m.name != "process_threads")
print(names)
""",
    "testing": """
from prometheus_client import REGISTRY, Counter
calls = Counter("calls", "Calls", ["who"])
before = REGISTRY.get_sample_value("calls_total", {"who": "me"})
calls.labels("me").inc()
print(before, REGISTRY.get_sample_value("calls_total", {"who": "me"}))
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs_the_same_with_either_library(name: str) -> None:
    seen = [
        run(PROGRAMS[name].replace("PORT", str(free_port())), library)
        for library in ("prometheus_client", "dataclay_metrics")
    ]
    assert seen[0][0] or seen[0][1], "the program neither prints nor exposes anything"
    assert json.loads(json.dumps(seen[1])) == json.loads(json.dumps(seen[0]))


PUSHING = """
from prometheus_client import CollectorRegistry, Gauge, delete_from_gateway, push_to_gateway
from prometheus_client import instance_ip_grouping_key, pushadd_to_gateway
from prometheus_client.exposition import basic_auth_handler
def handler(url, method, timeout, headers, data):
    return basic_auth_handler(url, method, timeout, headers, data, "user", "secret")
registry = CollectorRegistry()
gauge = Gauge("job_last_success", "When it last succeeded", registry=registry)
gauge.set(5)
push_to_gateway("localhost:PORT", job="batch a/b", registry=registry)
push_to_gateway("http://localhost:PORT", job="batch", registry=registry, handler=handler,
                grouping_key={"instance": "x", "zone": ""})
other = CollectorRegistry()
Gauge("another", "Another", registry=other).set(6)
pushadd_to_gateway("localhost:PORT", job="batch a/b", registry=other)
pushadd_to_gateway("localhost:PORT", job="gone", registry=other)
delete_from_gateway("localhost:PORT", job="gone", handler=handler)
push_to_gateway("localhost:PORT", job="zipped", registry=other, compression="gzip")
print(instance_ip_grouping_key())
try:
    push_to_gateway("localhost:1", job="batch", registry=registry, handler=handler, timeout=5)
except OSError:
    print("OSError")
"""


def test_both_libraries_push_the_same_to_a_gateway(tmp_path: Path) -> None:
    seen = []
    for library in ("prometheus_client", "dataclay_metrics"):
        with servers.pushgateway(tmp_path) as gateway:
            printed, _ = run(PUSHING.replace("PORT", str(gateway.port)), library)
            page = parsed(servers.get(f"http://{gateway.address}/metrics").encode())
            pushed = {name: page[name] for name in ("job_last_success", "another")}
            seen.append((printed, pushed))
    assert [len(family[2]) for family in seen[0][1].values()] == [2, 2]
    assert seen[1] == seen[0]
