"""Tests the C library in a Python process: pushes, settings, and the wheel in the same process."""

import ctypes
import http.server
import threading
import zlib
from pathlib import Path
from typing import ClassVar

import interpreter
import pytest
import servers
from c_library import LIBRARY

# The bcrypt hash of "secret", at the lowest cost.
HASH = "$2b$04$s.LpJZfPZH/hH1fHucOk7.JSFz7CEsoBrn.1iRzTU2JPsj6K7dbju"


def test_a_push_sends_the_password(tmp_path: Path) -> None:
    config = tmp_path / "web.yml"
    config.write_text(f"basic_auth_users:\n  somebody: '{HASH}'\n")
    registry, gateway, counter = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    with servers.pushgateway(tmp_path, options=(f"--web.config.file={config}",)) as running:
        dcm = ctypes.CDLL(str(LIBRARY))
        dcm.dcm_error_last.restype = ctypes.c_char_p
        address = running.address.encode()
        assert dcm.dcm_registry_new(ctypes.byref(registry)) == 0
        none = ctypes.c_size_t(0)
        assert dcm.dcm_counter_new(registry, b"c", b"", None, none, ctypes.byref(counter)) == 0
        assert dcm.dcm_gateway_new(address, b"job", None, none, ctypes.byref(gateway)) == 0
        assert dcm.dcm_gateway_push(gateway, registry) == 12
        assert b"401" in dcm.dcm_error_last()
        assert dcm.dcm_gateway_set_basic_auth(gateway, b"somebody", b"wrong") == 0
        assert dcm.dcm_gateway_push(gateway, registry) == 12
        assert b"401" in dcm.dcm_error_last() and b"wrong" not in dcm.dcm_error_last()
        assert dcm.dcm_gateway_set_basic_auth(gateway, b"somebody", b"secret") == 0
        assert dcm.dcm_gateway_push(gateway, registry) == 0
        assert dcm.dcm_gateway_delete(gateway) == 0
        dcm.dcm_gateway_free(gateway)
        dcm.dcm_counter_free(counter)
        dcm.dcm_registry_free(registry)


class Recorder(http.server.BaseHTTPRequestHandler):
    """A gateway that records the encoding and the body of each push."""

    pushed: ClassVar[list[tuple[str | None, bytes]]] = []

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.pushed.append((self.headers["Content-Encoding"], body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_a_push_is_compressed_only_after_set_gzip(pushgateway: servers.Pushgateway) -> None:
    dcm = ctypes.CDLL(str(LIBRARY))
    registry, counter = ctypes.c_void_p(), ctypes.c_void_p()
    none = ctypes.c_size_t(0)
    assert dcm.dcm_registry_new(ctypes.byref(registry)) == 0
    assert dcm.dcm_counter_new(registry, b"zipped", b"", None, none, ctypes.byref(counter)) == 0

    def push(address: str, *gzip: int) -> None:
        gateway = ctypes.c_void_p()
        made = dcm.dcm_gateway_new(address.encode(), b"zip", None, none, ctypes.byref(gateway))
        assert made == 0
        for on in gzip:
            assert dcm.dcm_gateway_set_gzip(gateway, on) == 0
        assert dcm.dcm_gateway_push(gateway, registry) == 0
        dcm.dcm_gateway_free(gateway)

    Recorder.pushed.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        push(address)
        push(address, 1)
        push(address, 1, 0)
        server.shutdown()
    (plain, text), (zipped, body), (off, same) = Recorder.pushed
    assert (plain, zipped, off) == (None, "gzip", None)
    assert b"zipped_total 0" in text and text == same == zlib.decompress(body, wbits=31)
    push(pushgateway.address, 1)
    assert [s.value for s in pushgateway.samples() if s.name == "zipped_total"] == [0.0]
    dcm.dcm_counter_free(counter)
    dcm.dcm_registry_free(registry)


START_FROM_SETTINGS = """
import ctypes, sys
dcm = ctypes.CDLL(sys.argv[1])
registry, five, exporter = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
assert dcm.dcm_registry_new(ctypes.byref(registry)) == 0
assert dcm.dcm_dataclay_new(registry, b"backend", ctypes.byref(five)) == 0
assert dcm.dcm_exporter_start_env(registry, ctypes.byref(exporter)) == 0
print(flush=True)
input()
dcm.dcm_exporter_free(exporter)
"""


@pytest.mark.parametrize(("on_exit", "remaining"), [("keep", 1), ("delete", 0)])
def test_on_exit_selects_whether_a_freed_exporter_deletes_its_group(
    pushgateway: servers.Pushgateway, on_exit: str, remaining: int
) -> None:
    def groups() -> int:
        return len(pushgateway.values("dataclay_inmemory_hits_total"))

    variables = {
        "DATACLAY_METRICS_EXPORTER": "pushgateway",
        "DATACLAY_METRICS_HOST": "127.0.0.1",
        "DATACLAY_METRICS_PORT": str(pushgateway.port),
        "DATACLAY_METRICS_ON_EXIT": on_exit,
    }
    with interpreter.running("-c", START_FROM_SETTINGS, str(LIBRARY), **variables) as process:
        servers.wait_for(groups, 1)
        _, errors = process.communicate("\n", timeout=interpreter.TIMEOUT)
    assert (process.returncode, errors) == (0, "")
    assert groups() == remaining


BOTH = """
import ctypes, os, sys, urllib.request
import dataclay_metrics
dcm = ctypes.CDLL(sys.argv[1])

def get(url):
    return urllib.request.urlopen(url, timeout=30).read().decode()

wheel = dataclay_metrics.Counter("shared_name", "Of the wheel")
exporter = dataclay_metrics.start_http_server(0, addr="127.0.0.1")

registry, counter, endpoint = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
port = ctypes.c_uint16()
assert dcm.dcm_registry_new(ctypes.byref(registry)) == 0
assert dcm.dcm_counter_new(
    registry, b"shared_name", b"Of the C library", None, ctypes.c_size_t(0), ctypes.byref(counter)
) == 0
assert dcm.dcm_exporter_start_http(registry, b"127.0.0.1", 0, ctypes.byref(endpoint)) == 0

def url_of_c():
    assert dcm.dcm_exporter_port(endpoint, ctypes.byref(port)) == 0
    return f"http://127.0.0.1:{port.value}/metrics"

def check(of_wheel, of_c):
    assert f"\\nshared_name_total {of_wheel}\\n" in get(exporter.url), get(exporter.url)
    assert f"\\nshared_name_total {of_c}\\n" in get(url_of_c()), get(url_of_c())

for _ in range(3):
    wheel.inc()
for _ in range(5):
    dcm.dcm_counter_inc(counter)
check(3, 5)

child = os.fork()
if child == 0:
    check(0, 0)
    wheel.inc()
    dcm.dcm_counter_inc(counter)
    check(1, 1)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
check(3, 5)
assert dcm.dcm_exporter_stop(endpoint, ctypes.c_double(1)) == 0
assert "shared_name_total 3" in get(exporter.url)
dcm.dcm_exporter_free(endpoint)
dcm.dcm_counter_free(counter)
dcm.dcm_registry_free(registry)
"""


def test_the_wheel_and_the_c_library_work_in_one_process() -> None:
    ended = interpreter.run("-W", "error", "-c", BOTH, str(LIBRARY))
    assert ended.status == 0, ended.stderr
    assert ended.stderr == ""
