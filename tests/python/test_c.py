"""Tests programs that are linked with the installed C library, and the installation."""

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import interpreter
import pytest
import servers
from c_library import LIBRARY, PREFIX

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "ffi/examples"

# The counts of examples/service.c, by four threads.
SERVED = 4 * 250_000
FAILED = 4 * 2_500


def build(source: Path, out: Path, *compiler: str) -> Path:
    """Compiles a program with the flags of pkg-config, as users do."""
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
    """Runs a program with the installed library during the block."""
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
        # The first is the scraped program, the second its group on the gateway.
        for instance in (f'="{target}"', f'!="{target}"'):
            metric = f'requests_total{{job="service",instance{instance},code="%s"}}'
            servers.wait_for(partial(scraper.query, metric % 200), [float(SERVED)])
            servers.wait_for(partial(scraper.query, metric % 500), [float(FAILED)])
        _, errors = service.communicate(timeout=interpreter.TIMEOUT)
    assert (service.returncode, errors) == (0, "")
    page = servers.get(f"http://{pushgateway.address}/metrics")
    instance = f'instance="service:{service.pid}",job="service"'
    assert f'requests_total{{code="200",{instance},method="get"}} 1e+06' in page
    assert f"service_threads{{{instance}}} 4" in page


def test_a_forked_child_pushes_only_its_counts(
    tmp_path: Path, pushgateway: servers.Pushgateway
) -> None:
    program = build(ROOT / "tests/c/fork_push.c", tmp_path / "fork_push", "cc", "-std=c99")

    def counts() -> dict[str, float]:
        forked = [s for s in pushgateway.samples() if s.name == "forked_total"]
        assert all(sample.labels["job"] == "fork_push" for sample in forked)
        return {sample.labels["instance"]: sample.value for sample in forked}

    with running(program, pushgateway.address) as parent:
        assert parent.stdout is not None
        child = f"parent:{parent.stdout.readline().strip()}"
        servers.wait_for(counts, {"parent": 3.0, child: 5.0})
        _, errors = parent.communicate(timeout=interpreter.TIMEOUT)
    assert (parent.returncode, errors) == (0, "")
    assert counts() == {"parent": 3.0, child: 6.0}


def test_the_readme_example_runs(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    source = tmp_path / "readme.c"
    source.write_text(readme.split("```c\n")[1].split("```")[0])
    with running(build(source, tmp_path / "readme", "cc", "-std=c99")) as example:
        url, errors = example.communicate(timeout=interpreter.TIMEOUT)
    assert (example.returncode, errors) == (0, "")
    assert url.startswith("http://127.0.0.1:")


def test_the_cpp_example_runs(tmp_path: Path) -> None:
    program = build(EXAMPLES / "cache.cpp", tmp_path / "cache", "c++", "-std=c++17")
    with running(program) as cache:
        text, errors = cache.communicate(timeout=interpreter.TIMEOUT)
    assert (cache.returncode, errors) == (0, "")
    assert "\ncache_hits_total 1200000\n" in text and "\ncache_misses_total 400000\n" in text
    assert text.splitlines()[-1].startswith('refused: metric name "": ')


def test_the_ctypes_example_runs_without_the_wheel() -> None:
    # With -I and -S there are no site-packages, and so no wheel.
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


def test_the_installed_library_has_a_soname_and_is_relocatable(tmp_path: Path) -> None:
    """Runs the script of `make install-c` with DESTDIR and LIBDIR, as packagers do."""
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
