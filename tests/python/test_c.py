"""Tests the C library and its examples with real servers, and together with the wheel in one
process."""

import ctypes
import http.server
import os
import shutil
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import ClassVar

import interpreter
import pytest
import servers

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "ffi/examples"
PREFIX = ROOT / "target/c/prefix"
LIBRARY = PREFIX / "lib/libdataclay_metrics.so"

SERVED = 4 * 250_000
FAILED = 4 * 2_500


def build(source: Path, out: Path, *compiler: str) -> Path:
    """Compiles an example as its users do: with the flags of pkg-config only."""
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "dataclay_metrics"],
        env=os.environ | {"PKG_CONFIG_PATH": str(PREFIX / "lib/pkgconfig")},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread"]
    subprocess.run([*compiler, *strict, "-o", out, source, *flags], check=True)
    return out


def running(program: Path, *arguments: str) -> AbstractContextManager["subprocess.Popen[str]"]:
    library = {"LD_LIBRARY_PATH": str(PREFIX / "lib")}
    return interpreter.running_program([program, *arguments], library)


def test_the_c_service_exports_by_scrapes_and_pushes(
    tmp_path: Path,
    pushgateway: servers.Pushgateway,
    prometheus: Callable[[dict[str, str]], servers.Prometheus],
) -> None:
    program = build(EXAMPLES / "service.c", tmp_path / "service", "cc", "-std=c99")
    with running(program, pushgateway.address) as service:
        assert service.stdout is not None
        url = service.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:") and url.endswith("/metrics")
        target = url.removeprefix("http://").removesuffix("/metrics")
        scraper = prometheus({"service": target, "pushgateway": pushgateway.address})
        for instance in (
            f'="{target}"',
            f'!="{target}"',
        ):  # scraped directly, and through the gateway
            metric = f'requests_total{{job="service",instance{instance},code="%s"}}'
            servers.wait_for(partial(scraper.query, metric % 200), [float(SERVED)])
            servers.wait_for(partial(scraper.query, metric % 500), [float(FAILED)])
        _, errors = service.communicate(timeout=10)
    assert (service.returncode, errors) == (0, "")
    held = servers.get(f"http://{pushgateway.address}/metrics")
    instance = f'instance="service:{service.pid}",job="service"'
    assert f'requests_total{{code="200",{instance},method="get"}} 1e+06' in held
    assert f"service_threads{{{instance}}} 4" in held


def test_a_forked_child_pushes_only_its_counts(
    tmp_path: Path, pushgateway: servers.Pushgateway
) -> None:
    program = build(ROOT / "tests/c/fork_push.c", tmp_path / "fork_push", "cc", "-std=c99")

    def held() -> dict[str, float]:
        forked = [s for s in pushgateway.samples() if s.name == "forked_total"]
        assert all(sample.labels["job"] == "fork_push" for sample in forked)
        return {sample.labels["instance"]: sample.value for sample in forked}

    with running(program, pushgateway.address) as parent:
        assert parent.stdout is not None
        child = f"parent:{parent.stdout.readline().strip()}"
        servers.wait_for(held, {"parent": 3.0, child: 5.0})
        _, errors = parent.communicate(timeout=30)
    assert (parent.returncode, errors) == (0, "")
    assert held() == {"parent": 3.0, child: 6.0}


def test_the_readme_example_runs(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    source = tmp_path / "readme.c"
    source.write_text(readme.split("```c\n")[1].split("```")[0])
    with running(build(source, tmp_path / "readme", "cc", "-std=c99")) as example:
        url, errors = example.communicate(timeout=30)
    assert (example.returncode, errors) == (0, "")
    assert url.startswith("http://127.0.0.1:")


def test_the_cpp_example_runs(tmp_path: Path) -> None:
    program = build(EXAMPLES / "cache.cpp", tmp_path / "cache", "c++", "-std=c++17")
    with running(program) as cache:
        text, errors = cache.communicate(timeout=30)
    assert (cache.returncode, errors) == (0, "")
    assert "\ncache_hits_total 1200000\n" in text and "\ncache_misses_total 400000\n" in text
    assert text.splitlines()[-1].startswith('refused: metric name "": ')


def test_the_ctypes_example_runs_without_the_wheel() -> None:
    # -I -S: without site-packages, and so without the wheel.
    ended = interpreter.run("-I", "-S", str(EXAMPLES / "counter.py"), str(LIBRARY))
    assert ended.status == 0, ended.stderr
    text, refused = ended.stdout.splitlines()[:-1], ended.stdout.splitlines()[-1]
    assert text[-1] == "calls_total 1000"
    assert refused.startswith("refused: counter calls_total")


def test_the_go_example_runs(tmp_path: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip("no Go toolchain on this machine")
    environment = os.environ | {
        "PKG_CONFIG_PATH": str(PREFIX / "lib/pkgconfig"),
        "LD_LIBRARY_PATH": str(PREFIX / "lib"),
        "GOCACHE": str(tmp_path / "cache"),
        "GOFLAGS": "",
        "GOPROXY": "off",
    }
    go = partial(subprocess.run, env=environment, check=True, capture_output=True, text=True)
    go(["go", "build", "-o", tmp_path / "main", EXAMPLES / "go/main.go"])
    *text, refused = go([tmp_path / "main"]).stdout.splitlines()
    assert text[-1] == "requests_total 1000000"
    assert refused.startswith("refused: counter requests_total")


# The bcrypt hash of "secret", at the lowest cost.
HASH = "$2b$04$s.LpJZfPZH/hH1fHucOk7.JSFz7CEsoBrn.1iRzTU2JPsj6K7dbju"


def test_a_push_sends_the_password(tmp_path: Path) -> None:
    config = tmp_path / "web.yml"
    config.write_text(f"basic_auth_users:\n  somebody: '{HASH}'\n")
    registry, gateway, counter = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    with servers.pushgateway(tmp_path, options=(f"--web.config.file={config}",)) as running_one:
        dcm = ctypes.CDLL(str(LIBRARY))
        dcm.dcm_error_last.restype = ctypes.c_char_p
        address = running_one.address.encode()
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
    """A gateway that keeps the encoding and the body of each push."""

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


DELETES = """
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


@pytest.mark.parametrize(("on_exit", "left"), [("keep", 1), ("delete", 0)])
def test_on_exit_selects_whether_a_freed_exporter_deletes_its_group(
    pushgateway: servers.Pushgateway, on_exit: str, left: int
) -> None:
    def held() -> int:
        return len(pushgateway.values("dataclay_inmemory_hits_total"))

    variables = {
        "DATACLAY_METRICS_EXPORTER": "pushgateway",
        "DATACLAY_METRICS_HOST": "127.0.0.1",
        "DATACLAY_METRICS_PORT": str(pushgateway.port),
        "DATACLAY_METRICS_ON_EXIT": on_exit,
    }
    with interpreter.running("-c", DELETES, str(LIBRARY), **variables) as process:
        servers.wait_for(held, 1)
        _, errors = process.communicate("\n", timeout=10)
    assert (process.returncode, errors) == (0, "")
    assert held() == left


BOTH = """
import ctypes, os, sys, urllib.request
import dataclay_metrics
dcm = ctypes.CDLL(sys.argv[1])

def get(url):
    return urllib.request.urlopen(url, timeout=5).read().decode()

wheel = dataclay_metrics.Counter("shared_name", "Of the wheel")
server = dataclay_metrics.start_http_server(0, addr="127.0.0.1")
exporter = server[0] if isinstance(server, tuple) else server

registry, counter, endpoint = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
port = ctypes.c_uint16()
assert dcm.dcm_registry_new(ctypes.byref(registry)) == 0
assert dcm.dcm_counter_new(
    registry, b"shared_name", b"Of the C library", None, ctypes.c_size_t(0), ctypes.byref(counter)
) == 0
assert dcm.dcm_exporter_start_http(registry, b"127.0.0.1", 0, ctypes.byref(endpoint)) == 0

def in_c():
    assert dcm.dcm_exporter_port(endpoint, ctypes.byref(port)) == 0
    return f"http://127.0.0.1:{port.value}/metrics"

def check(of_wheel, of_c):
    assert f"\\nshared_name_total {of_wheel}\\n" in get(exporter.url), get(exporter.url)
    assert f"\\nshared_name_total {of_c}\\n" in get(in_c()), get(in_c())

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


def test_the_installed_library_has_a_soname_and_is_relocatable(tmp_path: Path) -> None:
    """Calls `make install-c` with DESTDIR and LIBDIR, as packagers do."""
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    environment = os.environ | {"DESTDIR": str(tmp_path), "LIBDIR": "lib64"}
    subprocess.run([ROOT / "ffi/install.sh", built, "/usr"], env=environment, check=True)
    installed = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    version = "0.2.0"
    assert installed == {
        "usr/include/dataclay_metrics.h",
        "usr/lib64/libdataclay_metrics.a",
        "usr/lib64/libdataclay_metrics.so",
        f"usr/lib64/libdataclay_metrics.so.{version.rpartition('.')[0]}",
        f"usr/lib64/libdataclay_metrics.so.{version}",
        "usr/lib64/pkgconfig/dataclay_metrics.pc",
    }
    config = (tmp_path / "usr/lib64/pkgconfig/dataclay_metrics.pc").read_text()
    assert "prefix=${pcfiledir}/../..\n" in config and "libdir=${prefix}/lib64\n" in config


if sys.platform != "linux":
    pytest.skip("make install-c supports Linux only", allow_module_level=True)
