"""Tests the three ways to install the package in dataClay, with each interpreter of the machine."""

import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import environments
import interpreter
import pytest
from servers import Pushgateway, wait_for
from stack import HITS, MISSES, Stack, exporting, running

ROOT = Path(__file__).parents[2]

WORK = """
from dataclay import Client
from dataclay.contrib.modeltest.family import Family, Person
client = Client()
client.start()
family = Family(*[Person(str(n), n) for n in range(5)])
family.make_persistent()
family.add_year()
assert [person.age for person in family.members] == [1, 2, 3, 4, 5]
client.stop()
"""


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builds the wheel."""
    out = tmp_path_factory.mktemp("wheel")
    command = ["maturin", "build", "--release", "--interpreter", sys.executable, "--out", str(out)]
    manifest = ["--manifest-path", str(ROOT / "python" / "Cargo.toml")]
    # The flags are those of `make build`, so that nothing is compiled twice.
    flags = {"RUSTFLAGS": os.environ.get("EXTENSION_RUSTFLAGS", "")}
    subprocess.run([*command, *manifest], check=True, env=os.environ | flags)
    (path,) = out.glob("*.whl")
    return path


def test_the_source_distribution_contains_the_pth_file(tmp_path: Path) -> None:
    command = ["maturin", "sdist", "--out", str(tmp_path)]
    manifest = ["--manifest-path", str(ROOT / "python" / "Cargo.toml")]
    subprocess.run([*command, *manifest], check=True)
    (path,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert "pyproject.toml" in names  # its `data = "data"` is relative to its directory
    assert "data/platlib/dataclay_metrics_install.pth" in names


@pytest.fixture(scope="session", params=environments.VERSIONS)
def python(request: pytest.FixtureRequest, wheel: Path) -> str:
    """Installs the wheel in an environment with dataClay, and returns its interpreter."""
    folder = environments.environment(request.param)
    if folder is None:
        pytest.skip(f"there is no Python {request.param} on this machine")
    install = [*environments.pip_install(folder), "--force-reinstall", "--no-deps", str(wheel)]
    subprocess.run(install, check=True)
    return str(folder / "bin" / "python")


@pytest.mark.timed
@pytest.mark.parametrize("way", ["code", "launcher", "pth"])
def test_every_process_exports_with_each_way_to_install(
    python: str, way: str, tmp_path: Path, pushgateway: Pushgateway
) -> None:
    settings = exporting("pushgateway", pushgateway.port)
    with running(tmp_path, python) as dataclay:
        metadata = dataclay.metadata(way=way, **settings)
        backend = dataclay.backend(way=way, **settings)
        client = dataclay.client(WORK, way=way, **settings).wait_for_success()
        assert backend.terminate() < 2.0
        assert metadata.terminate() < 2.0
        for name, program in (("backend", backend), ("client", client)):
            lookups, misses = program.lookups()
            assert lookups > 0
            assert pushgateway.values_by_service(HITS)[name] == lookups - misses
            assert pushgateway.values_by_service(MISSES)[name] == misses
        assert {group["service"] for group in pushgateway.groups()} == {
            "metadata",
            "backend",
            "client",
        }


INSTALLED = """
import sys, {first}
import {second}
dataclay_metrics.install()
dataclay_metrics.install()
import dataclay.utils.metrics
print(type(dataclay.utils.metrics.dataclay_inmemory_hits_total).__module__)
from dataclay.utils import metrics
print(metrics is dataclay.utils.metrics is sys.modules["dataclay.utils.metrics"])
"""


@pytest.mark.parametrize(
    ("first", "second"), [("dataclay", "dataclay_metrics"), ("dataclay_metrics", "dataclay")]
)
def test_install_works_before_and_after_the_import_of_dataclay(first: str, second: str) -> None:
    assert interpreter.output(INSTALLED.format(first=first, second=second)).splitlines() == [
        "dataclay_metrics.dataclay.lookups",
        "True",
    ]


def test_install_after_the_first_client_raises_and_names_the_reason() -> None:
    code = """
import dataclay_metrics
from dataclay import Client
Client()
try:
    dataclay_metrics.install()
except RuntimeError as error:
    print(error)
"""
    printed = interpreter.output(code, DATACLAY_METRICS="true", DATACLAY_METRICS_EXPORTER="none")
    assert "too late" in printed
    assert "before the first Client()" in printed


POOLS = """
import multiprocessing, sys

def module_of_hits():
    import dataclay.utils.metrics
    return type(dataclay.utils.metrics.dataclay_inmemory_hits_total).__module__

if __name__ == "__main__":
    for method in ("spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(pool.apply(module_of_hits))
"""


def test_the_pth_file_installs_in_spawn_and_forkserver_processes(tmp_path: Path) -> None:
    script = tmp_path / "children.py"
    script.write_text(POOLS)
    ended = interpreter.run(str(script), DATACLAY_METRICS_INSTALL="yes")
    assert ended.stdout.splitlines() == ["dataclay_metrics.dataclay.lookups"] * 2, ended.stderr


@pytest.mark.parametrize("value", [None, "false"])
def test_the_pth_file_imports_nothing_unless_enabled(value: str | None) -> None:
    variables = {} if value is None else {"DATACLAY_METRICS_INSTALL": value}
    code = """
import sys
print([name for name in sys.modules if name.startswith("dataclay")])
print([finder for finder in sys.meta_path if "dataclay" in type(finder).__module__])
"""
    loaded, finders = interpreter.output(code, **variables).splitlines()
    assert finders == "[]"
    if value is None:
        assert loaded == "[]"


INSTALLS = """
import sys
print([finder for finder in sys.meta_path if "dataclay" in type(finder).__module__] != [])
"""


@pytest.mark.parametrize("value", ["perhaps", "flase", "2", "tr\nue"])
def test_a_wrong_switch_prints_one_line_and_installs_nothing(value: str) -> None:
    ended = interpreter.run("-c", INSTALLS, DATACLAY_METRICS_INSTALL=value)
    assert (ended.status, ended.stdout) == (0, "False\n")
    assert ended.stderr == (
        f"DATACLAY_METRICS_INSTALL={value!r}: must be true or false; dataclay_metrics is not"
        " installed in dataClay\n"
    )


@pytest.mark.parametrize(("value", "installs"), [("", False), (" ", False), (" True ", True)])
def test_the_switch_ignores_blanks_and_an_empty_value(value: str, installs: bool) -> None:
    ended = interpreter.run("-c", INSTALLS, DATACLAY_METRICS_INSTALL=value)
    assert (ended.status, ended.stdout, ended.stderr) == (0, f"{installs}\n", "")


@pytest.mark.parametrize(
    ("variables", "warnings"),
    [
        ({}, 1),
        ({"DATACLAY_METRICS": "false"}, 1),
        ({"DATACLAY_METRICS": "true"}, 0),
        ({"DATACLAY_METRICS_EXPORTER": "none"}, 0),
    ],
)
@pytest.mark.parametrize(
    "code",
    [
        "import dataclay.config, dataclay.metadata.api",
        "import dataclay, dataclay_metrics; dataclay_metrics.install(); dataclay_metrics.install()",
    ],
)
def test_disabled_metrics_of_dataclay_cause_one_warning(
    code: str, variables: dict[str, str], warnings: int
) -> None:
    switch = {} if "install" in code else {"DATACLAY_METRICS_INSTALL": "true"}
    ended = interpreter.run("-c", code, **variables, **switch)
    assert ended.status == 0, ended.stderr
    found = [line for line in ended.stderr.splitlines() if "set DATACLAY_METRICS=true" in line]
    assert len(found) == warnings, ended.stderr


def test_metrics_enabled_by_a_dotenv_file_cause_no_warning(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATACLAY_METRICS=true\n")
    code = f"""
import os
os.chdir({str(tmp_path)!r})
import dataclay.config
print(dataclay.config.settings.metrics)
"""
    ended = interpreter.run("-c", code, DATACLAY_METRICS_INSTALL="true")
    assert (ended.stdout, "DATACLAY_METRICS" in ended.stderr) == ("True\n", False)


STATE = """
import os, sys
print(sys.argv, __name__, sys.path[0] == os.path.dirname(os.path.abspath(__file__)))
print(sys.modules["__main__"].__dict__ is globals(), sys.flags.dev_mode)
print("dataclay_metrics.dataclay" in sys.modules)
sys.exit(7)
"""


def test_the_launcher_does_not_change_the_program(tmp_path: Path) -> None:
    script = tmp_path / "state.py"
    script.write_text(STATE)
    plain = interpreter.run("-X", "dev", str(script), "a", "-m", "b")
    launched = interpreter.run(
        "-X", "dev", "-m", "dataclay_metrics", "run", str(script), "a", "-m", "b"
    )
    assert (plain.status, launched.status) == (7, 7)
    assert launched.stdout.splitlines()[:2] == plain.stdout.splitlines()[:2]
    assert launched.stdout.splitlines()[2] == "True"
    module = interpreter.run("-m", "dataclay_metrics", "run", "-m", "json.tool", "--help")
    assert (module.status, "json.tool" in module.stdout) == (0, True)


def test_a_signal_reaches_the_launched_program(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = f"import signal, pathlib; pathlib.Path({str(ready)!r}).touch(); signal.pause()"
    with interpreter.running("-m", "dataclay_metrics", "run", "-c", code) as process:
        wait_for(ready.exists, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(interpreter.TIMEOUT) == -signal.SIGTERM


def test_the_launcher_without_a_program_prints_its_usage() -> None:
    ended = interpreter.run("-m", "dataclay_metrics", "run")
    assert ended.status == 2
    assert "ARGUMENTS" in ended.stderr
    asked = interpreter.run("-m", "dataclay_metrics", "run", "--help")
    assert (asked.status, "-m MODULE" in asked.stdout) == (0, True)


def test_prometheus_client_can_export_the_metrics_of_dataclay(dataclay: Stack) -> None:
    code = f"""
import prometheus_client, dataclay_metrics
prometheus_client.Counter("requests", "Of the application").inc()
prometheus_client.REGISTRY.register(dataclay_metrics.prometheus_client_collector())
{WORK}
text = prometheus_client.generate_latest().decode()
print("hits", value(text, "{HITS}"), dataclay_metrics.dataclay_inmemory_hits_total.get())
print("requests", value(text, "requests_total"))
print("process", text.count("# TYPE process_cpu_seconds_total "))
"""
    client = dataclay.client(code, way="pth", **exporting("http", 0)).wait_for_success()
    lookups, misses = client.lookups()
    assert client.lines("hits ") == [f"hits {lookups - misses}.0 {lookups - misses}"]
    assert client.lines("requests 1") == ["requests 1.0"]
    assert client.lines("process ") == ["process 1"]
