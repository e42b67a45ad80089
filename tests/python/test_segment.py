"""Tests where a process counts: alone, or together with others in a directory in tmpfs."""

import os
from pathlib import Path

import dataclay_metrics
import interpreter
import pytest
from dataclay_metrics.multiprocess import MultiProcessCollector
from servers import wait_for

# Counts, and prints the exposition. The environment sets the directory.
COUNT = """
import sys
import dataclay_metrics as metrics

jobs = metrics.Counter("jobs", "Jobs", ["kind"])
jobs.labels(sys.argv[1]).inc(2)
metrics.Histogram("sizes", "Sizes", buckets=[1]).observe(0.5)
print(metrics.generate_latest().decode())
"""


@pytest.fixture
def directory(directory: Path) -> Path:
    """Provides the path of a directory in tmpfs that does not exist yet."""
    directory.rmdir()
    return directory


def count(kind: str, **variables: str) -> list[str]:
    """Returns the lines that ``COUNT`` prints."""
    ended = interpreter.run("-c", COUNT, kind, **variables)
    assert (ended.status, ended.stderr) == (0, ""), ended.stderr
    return ended.stdout.splitlines()


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*"))


def node() -> str:
    return os.uname().nodename


def test_processes_with_the_same_directory_count_together(directory: Path) -> None:
    variables = {"DATACLAY_METRICS_DIR": str(directory)}
    count("a", **variables)
    seen = count("b", **variables)
    assert {'jobs_total{kind="a"} 2.0', 'jobs_total{kind="b"} 2.0', "sizes_count 2.0"} <= set(seen)
    assert files(directory) == [f"dataclay+python@{node()}.v2.counts"]


@pytest.mark.parametrize(
    "code",
    [
        "",
        "metrics.Counter('jobs', 'Jobs')",
        "metrics.Counter('jobs', 'Jobs').get()",
        "metrics.Counter('jobs', 'Jobs', ['kind']).labels('a')",
        "metrics.Gauge('people', 'People').set_function(lambda: 1)",
        "metrics.REGISTRY.unregister(metrics.GC_COLLECTOR)",
        "import os; os.fork() or os._exit(0)",
    ],
)
def test_a_process_that_never_counts_creates_no_directory(code: str, directory: Path) -> None:
    code = f"import dataclay_metrics as metrics; {code}"
    interpreter.output(code, DATACLAY_METRICS_DIR=str(directory))
    assert not directory.exists()


def test_a_directory_that_is_set_before_the_first_count_is_used(directory: Path) -> None:
    code = (
        "import os, dataclay_metrics as metrics; jobs = metrics.Counter('jobs', 'Jobs');"
        f"os.environ['DATACLAY_METRICS_DIR'] = {str(directory)!r};"
        "metrics.start(); jobs.inc(); print(len(os.listdir(os.environ['DATACLAY_METRICS_DIR'])))"
    )
    variables = {"DATACLAY_METRICS_HOST": "127.0.0.1", "DATACLAY_METRICS_PORT": "0"}
    assert interpreter.output(code, **variables) == "1\n"


def test_a_directory_that_is_set_after_the_first_count_is_refused(directory: Path) -> None:
    code = (
        "import os, dataclay_metrics as metrics; jobs = metrics.Counter('jobs', 'Jobs');"
        f"jobs.inc(); os.environ['DATACLAY_METRICS_DIR'] = {str(directory)!r}\n"
        "try: metrics.start()\n"
        "except ValueError as error: print(error)\n"
        "print(jobs.get(), metrics.REGISTRY.get_sample_value('jobs_total'))"
    )
    error, values = interpreter.output(code).splitlines()
    assert str(directory) in error and "before the first count" in error
    assert values == "1 1.0"
    assert not directory.exists()


def test_a_wrong_setting_is_logged_once_and_counts_stay_private(directory: Path) -> None:
    variables = {"DATACLAY_METRICS_DIR": str(directory), "DATACLAY_METRICS_PORT": "abc"}
    code = (
        "import dataclay_metrics as metrics; jobs = metrics.Counter('jobs', 'Jobs');"
        "jobs.inc(); jobs.inc(); print(jobs.get());"
        "print(metrics.REGISTRY.get_sample_value('dataclay_metrics_segment_failures_total'))"
    )
    ended = interpreter.run("-c", code, **variables)
    assert (ended.status, ended.stdout) == (0, "2\n1.0\n")
    assert [line for line in ended.stderr.splitlines() if "DATACLAY_METRICS_PORT" in line] == [
        ended.stderr.strip()
    ]
    assert not directory.exists()


def test_a_wrong_setting_is_ignored_without_a_directory() -> None:
    code = "import dataclay_metrics as metrics; metrics.Counter('jobs', 'Jobs').inc()"
    ended = interpreter.run("-c", code, DATACLAY_METRICS_PORT="abc")
    assert (ended.status, ended.stderr) == (0, "")


def test_disabled_metrics_create_no_segment(directory: Path) -> None:
    count("a", DATACLAY_METRICS_DIR=str(directory), DATACLAY_METRICS="false")
    assert not directory.exists()


@pytest.mark.parametrize("as_module", [False, True])
def test_the_identity_has_the_name_of_the_program(
    as_module: bool, directory: Path, tmp_path: Path
) -> None:
    (tmp_path / "shop").mkdir()
    # As a module, it imports the package before `python -m` sets the name of the script.
    (tmp_path / "shop" / "__init__.py").write_text("import till" if as_module else "")
    (tmp_path / "till.py").write_text(
        "import dataclay_metrics as metrics\ndef sell(): metrics.Counter('sales', 'Sales').inc()\n"
    )
    (tmp_path / "shop" / "__main__.py").write_text(
        "import multiprocessing, till\n"
        "if __name__ == '__main__':\n"
        "    till.sell()\n"
        "    child = multiprocessing.get_context('spawn').Process(target=till.sell)\n"
        "    child.start()\n"
        "    child.join()\n"
        "    print(till.metrics.REGISTRY.get_sample_value('sales_total'))\n"
    )
    program = ["-m", "shop"] if as_module else [str(tmp_path / "shop")]
    variables = {"DATACLAY_METRICS_DIR": str(directory), "PYTHONPATH": str(tmp_path)}
    ended = interpreter.run(*program, **variables)
    assert (ended.status, ended.stderr, ended.stdout) == (0, "", "2.0\n")
    assert files(directory) == [f"dataclay+shop@{node()}.v2.counts"]


def test_a_collector_separates_identities_and_logs_a_damaged_segment(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for kind, instance in ("a", "till-1"), ("a", "till-2"):
        count(kind, DATACLAY_METRICS_DIR=str(directory), DATACLAY_METRICS_INSTANCE=instance)
        if instance == "till-1":
            registry = dataclay_metrics.CollectorRegistry()
            MultiProcessCollector(registry, str(directory))
            assert registry.get_sample_value("jobs_total", {"kind": "a"}) == 2
            (directory / "dataclay+broken.v2.counts").write_bytes(b"no segment")
            assert registry.get_sample_value("jobs_total", {"kind": "a"}) == 2
            wait_for(lambda: "dataclay+broken.v2.counts" in caplog.text, True)
    found = [
        (sample.labels["kind"], sample.labels["job"], sample.value)
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "jobs_total"
    ]
    assert found == [("a", "dataclay", 2.0)] * 2


@pytest.mark.parametrize("first", ["'X_s', 'A', unit='s'", "'X_s', 'B'"])
def test_definitions_that_differ_only_in_help_or_unit_count_together(
    directory: Path, first: str
) -> None:
    variables = {"DATACLAY_METRICS_DIR": str(directory)}
    code = (
        "import dataclay_metrics as m; m.Counter({}, labelnames=['a', 'b']).labels('1', {}).inc()"
    )
    interpreter.output(code.format(first, "'2'"), **variables)
    code = (
        "import dataclay_metrics as m; c = m.Counter('X_s', 'New', labelnames=['b', 'a']);"
        "c.labels('2', '1').inc(3); c.labels('3', '1').inc();"
        "print(m.generate_latest().decode())"
    )
    ended = interpreter.run("-c", code, **variables)
    seen = [line for line in ended.stdout.splitlines() if "X_s" in line]
    assert seen == [
        "# HELP X_s_total New",
        "# TYPE X_s_total counter",
        'X_s_total{a="1",b="2"} 4.0',
        'X_s_total{a="1",b="3"} 1.0',
    ]
    assert not ended.stderr


@pytest.mark.parametrize(
    ("first", "second", "what", "samples"),
    [
        (
            "Histogram('x', 'X', buckets=[1, 2]).observe(0.5)",
            "Histogram('x', 'X', buckets=[1, 5]).observe(3)",
            "other buckets",
            [
                '_bucket{le="1.0"} 0',
                '_bucket{le="5.0"} 1',
                '_bucket{le="+Inf"} 1',
                "_count 1",
                "_sum 3",
            ],
        ),
        (
            "Counter('x', 'X', ['b', 'a']).labels('1', '2').inc(7)",
            "Counter('x', 'X', ['b', 'c']).labels('1', '2').inc()",
            "other label names",
            ['_total{b="1",c="2"} 1', '_total{a="2",b="1"} 7'],
        ),
        (
            "Gauge('x', 'X', multiprocess_mode='sum').set(7)",
            "Gauge('x', 'X', multiprocess_mode='max').set(1)",
            "another mode",
            [" 1"],
        ),
    ],
)
def test_a_process_exposes_its_definition_if_another_process_has_another(
    directory: Path, first: str, second: str, what: str, samples: list[str]
) -> None:
    variables = {"DATACLAY_METRICS_DIR": str(directory)}
    interpreter.output(f"import dataclay_metrics as m; m.{first}", **variables)
    code = f"import dataclay_metrics as m; m.{second}; print(m.generate_latest().decode())"
    ended = interpreter.run("-c", code, **variables)
    seen = [line for line in ended.stdout.splitlines() if line.startswith("x")]
    assert seen == [f"x{sample}.0" for sample in samples], ended.stdout
    assert f"another process has defined it with {what}" in ended.stderr


def test_a_family_that_is_counted_apart_is_logged_once(directory: Path) -> None:
    code = """
import dataclay_metrics as m
sizes = m.Histogram("sizes", "Sizes", ["n"], buckets=[%d])
for n in range(200):
    sizes.labels(str(n)).observe(0.5)
print(m.generate_latest().decode())
"""
    variables = {"DATACLAY_METRICS_DIR": str(directory)}
    interpreter.output(code % 1, **variables)
    # A process waits for log lines at its end, but only for half a second.
    logged = """
import logging, threading
logged = threading.Event()
class Handler(logging.StreamHandler):
    def emit(self, record):
        super().emit(record)
        logged.set()
logging.getLogger("dataclay_metrics").addHandler(Handler())
%s
assert logged.wait(60)
"""
    ended = interpreter.run("-c", logged % (code % 2), **variables)
    assert "dataclay_metrics_private_series_total 200.0" in ended.stdout
    assert ended.stderr.count("counts of sizes will not outlive this process") == 1, ended.stderr
