"""Tests the import of the package: its names, and that it has no side effects."""

import ast
import doctest
import re
from importlib.metadata import entry_points, version
from pathlib import Path

import dataclay_metrics
import interpreter

SETTINGS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_the_import_starts_no_thread() -> None:
    code = "import os, dataclay_metrics; print(len(os.listdir('/proc/self/task')))"
    assert interpreter.output(code) == "1\n"


def test_the_import_loads_no_other_module() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import dataclay_metrics; print(set(sys.modules) - before)"
    )
    assert ast.literal_eval(interpreter.output(code)) - {"atexit", "gc"} == {
        "dataclay_metrics",
        "dataclay_metrics._native",
        "dataclay_metrics.compat",
        "dataclay_metrics.compat.private",
        "dataclay_metrics.export",
    }


def test_the_import_emits_no_warning() -> None:
    ended = interpreter.run("-W", "error", "-X", "dev", "-c", "import dataclay_metrics")
    assert (ended.status, ended.stderr) == (0, "")


# A wrong value for each variable of settings.md and each of prometheus_client.
WRONG = dict.fromkeys(
    [
        *re.findall(r"^\| `(DATACLAY_METRICS\w*)`", SETTINGS.read_text(), re.MULTILINE),
        "PROMETHEUS_DISABLE_CREATED_SERIES",
        "PROMETHEUS_LEGACY_NAME_VALIDATION",
        "PROMETHEUS_MULTIPROC_DIR",
        "prometheus_multiproc_dir",
    ],
    "wrong\n",
)


def test_the_import_ignores_the_environment() -> None:
    assert {"DATACLAY_METRICS_DIR", "DATACLAY_METRICS_PORT"} < set(WRONG)
    ended = interpreter.run("-X", "dev", "-c", "import dataclay_metrics", **WRONG)
    assert (ended.status, ended.stdout, ended.stderr) == (0, "", "")


def test_the_import_reads_no_variable() -> None:
    # Every read of a variable in Python, also by os.getenv, then raises an exception.
    interpreter.output("import os; os.environ = None; import dataclay_metrics")


def test_every_public_name_exists_and_has_help() -> None:
    for name in dataclay_metrics.__all__:
        public = getattr(dataclay_metrics, name)
        if callable(public):
            assert public.__doc__, f"help({name}) is empty"


def test_the_example_in_the_docstring_runs() -> None:
    failed, attempted = doctest.testmod(dataclay_metrics)
    assert (failed, attempted > 0) == (0, True)


def test_the_version_equals_that_of_the_distribution() -> None:
    assert dataclay_metrics.__version__ == version("dataclay-metrics")


def test_the_command_is_installed_and_runs_as_a_module() -> None:
    (script,) = entry_points(group="console_scripts", name="dataclay-metrics")
    assert script.value == "dataclay_metrics.__main__:main"
    ended = interpreter.run("-m", "dataclay_metrics", "--version")
    assert (ended.status, ended.stdout) == (0, f"dataclay-metrics {dataclay_metrics.__version__}\n")
