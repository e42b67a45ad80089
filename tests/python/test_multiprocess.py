"""Tests MultiProcessCollector: gauges, metrics without counts, and the directories it accepts."""

import ast
import json
from pathlib import Path

import interpreter
import pytest
from dataclay_metrics import CollectorRegistry, multiprocess
from multiprocess_program import values, write_modules

COUNT = """
from measured import metrics, work
work("at import")
print(metrics().decode(), flush=True)
"""


# The start of a program for one of two libraries, which its first argument names.
IMPORT = """
import sys
if sys.argv[1] == "dataclay_metrics":
    from dataclay_metrics.compat import install_as_prometheus_client
    install_as_prometheus_client()
"""

# Two processes set a gauge of each mode and end, while a third one still runs.
GAUGES = """
import os, subprocess
from prometheus_client import CollectorRegistry, Gauge, multiprocess

MODES = ["all", "min", "max", "sum", "mostrecent"]
gauges = {
    mode: Gauge(mode, "A gauge", multiprocess_mode=mode)
    for mode in [*MODES, *("live" + mode for mode in MODES)]
}
for gauge in gauges.values():
    gauge.set(float(sys.argv[2]))
if sys.argv[2] == "3":
    first, second = [
        subprocess.check_output([sys.executable, *sys.argv[:2], value], text=True).strip()
        for value in ("5", "2")
    ]
    registry = CollectorRegistry()
    collector = multiprocess.MultiProcessCollector(registry)
    names = {str(os.getpid()): "own", first: "first", second: "second"}
    for ended in (first, second):
        multiprocess.mark_process_dead(int(ended))
    print(sorted(
        (sample.name, names.get(sample.labels.get("pid"), ""), sample.value)
        for family in registry.collect() for sample in family.samples
    ))
else:
    print(os.getpid())
"""


def samples_of_both(
    program: str, *arguments: str, directory: Path, folder: Path
) -> list[list[tuple[str, str, float]]]:
    """Runs a program with this package, then with prometheus_client. Returns what it prints."""
    script, their_directory = folder / "program.py", folder / "theirs"
    script.write_text(IMPORT + program)
    their_directory.mkdir()
    found = []
    for library, shared in ("dataclay_metrics", directory), ("prometheus_client", their_directory):
        ended = interpreter.run(
            str(script), library, *arguments, PROMETHEUS_MULTIPROC_DIR=str(shared)
        )
        assert (ended.status, ended.stderr) == (0, "")
        found.append(ast.literal_eval(ended.stdout))
    return found


def test_each_mode_of_a_gauge_equals_that_of_prometheus_client(
    directory: Path, tmp_path: Path
) -> None:
    ours, theirs = samples_of_both(GAUGES, "3", directory=directory, folder=tmp_path)
    # The second process reuses the memory of the first one, so that memory is bounded.
    theirs.remove(("all", "first", 5.0))
    assert ours == theirs
    assert ("sum", "", 10.0) in ours and ("livesum", "", 3.0) in ours


UNCOUNTED = """
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, multiprocess

Counter("jobs", "Jobs")
Counter("runs", "Runs", ["of"]).labels("child")
Counter("calls", "Calls", ["of"])
Gauge("level", "Level")
Gauge("last", "Last", multiprocess_mode="mostrecent")
Histogram("wait", "Wait", buckets=[1], registry=None)
Summary("size", "Size")
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
print(sorted(
    (sample.name, str({**sample.labels, "pid": "pid" in sample.labels}), sample.value)
    for family in registry.collect() for sample in family.samples
))
"""


def test_metrics_without_counts_have_the_samples_of_prometheus_client(
    directory: Path, tmp_path: Path
) -> None:
    ours, theirs = samples_of_both(UNCOUNTED, directory=directory, folder=tmp_path)
    assert len(theirs) == 9  # "last" has no value yet
    assert ours == theirs


def test_the_old_name_of_the_variable_is_deprecated(directory: Path) -> None:
    code = (
        "import os, warnings, dataclay_metrics as metrics\n"
        "from dataclay_metrics import multiprocess\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    for _ in range(2):\n"
        "        multiprocess.MultiProcessCollector(metrics.CollectorRegistry())\n"
        "print([(w.category.__name__, str(w.message)) for w in caught])\n"
        "print(os.environ['PROMETHEUS_MULTIPROC_DIR'])"
    )
    printed = interpreter.output(code, prometheus_multiproc_dir=str(directory)).splitlines()
    message = "prometheus_multiproc_dir is deprecated: set PROMETHEUS_MULTIPROC_DIR"
    assert printed == [str([("DeprecationWarning", message)]), str(directory)]


def test_a_directory_on_disk_is_replaced_by_one_in_tmpfs_with_a_warning(tmp_path: Path) -> None:
    write_modules(tmp_path, count=COUNT)
    shared = tmp_path / "multiproc"
    shared.mkdir()
    variables = {"PROMETHEUS_MULTIPROC_DIR": str(shared), "XDG_RUNTIME_DIR": ""}
    for _ in range(2):
        ended = interpreter.run(str(tmp_path / "count.py"), **variables)
        assert ended.status == 0
        (warning,) = ended.stderr.splitlines()
        assert f"PROMETHEUS_MULTIPROC_DIR={shared} is not in tmpfs" in warning
        assert "count together in /dev/shm/" in warning and "DATACLAY_METRICS_DIR" in warning
        used = Path(warning.partition("count together in ")[2].partition(";")[0])
    try:
        assert values(ended.stdout)["requests_total{'path': 'at import'}"] == 2
        assert list(shared.iterdir()) == []
    finally:
        for file in used.iterdir():
            file.unlink()
        used.rmdir()


def test_a_collector_without_a_directory_is_refused() -> None:
    code = (
        "import dataclay_metrics as metrics; from dataclay_metrics import multiprocess\n"
        "multiprocess.mark_process_dead(1)\n"
        "try: multiprocess.MultiProcessCollector(metrics.CollectorRegistry())\n"
        "except ValueError as error: print(error)"
    )
    assert "PROMETHEUS_MULTIPROC_DIR" in interpreter.output(code)
    assert "PROMETHEUS_MULTIPROC_DIR" in interpreter.output(code, PROMETHEUS_MULTIPROC_DIR="")


@pytest.mark.parametrize("path", ["", "none", "/etc/passwd"])
def test_a_path_that_is_not_a_directory_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=f"path={json.dumps(path)}: must be a directory"):
        multiprocess.MultiProcessCollector(CollectorRegistry(), path)


def test_a_collector_reads_the_directory_of_its_path(directory: Path, tmp_path: Path) -> None:
    write_modules(tmp_path, count=COUNT)
    ended = interpreter.run(str(tmp_path / "count.py"), PROMETHEUS_MULTIPROC_DIR=str(directory))
    assert (ended.status, ended.stderr) == (0, "")
    code = (
        "import sys, dataclay_metrics as metrics; from dataclay_metrics import multiprocess\n"
        "registry = metrics.CollectorRegistry()\n"
        "multiprocess.MultiProcessCollector(registry, sys.argv[1])\n"
        "print(metrics.generate_latest(registry).decode())"
    )
    ended = interpreter.run("-c", code, str(directory))
    assert "requests_total{'path': 'at import'}" in values(ended.stdout)
    # A relative path works as well.
    code = f"import os; os.chdir({str(directory.parent)!r})\n{code}"
    assert interpreter.run("-c", code, directory.name).stdout == ended.stdout


def test_a_process_that_cannot_attach_exposes_its_counts(directory: Path, tmp_path: Path) -> None:
    write_modules(tmp_path, count=COUNT)
    directory.chmod(0o777)
    ended = interpreter.run(str(tmp_path / "count.py"), PROMETHEUS_MULTIPROC_DIR=str(directory))
    assert values(ended.stdout)["requests_total{'path': 'at import'}"] == 1
    assert "no other user may write to it" in ended.stderr
