"""Tests ProcessCollector, and compares it with that of prometheus_client."""

import os
from pathlib import Path
from typing import Any

import dataclay_metrics
import prometheus_client
import pytest
from dataclay_metrics import CollectorRegistry, ProcessCollector, generate_latest
from parsed import parsed


def exposed(library: Any, *arguments: object) -> dict[str, Any]:
    registry = library.CollectorRegistry()
    library.ProcessCollector(*arguments, registry=registry)
    return parsed(library.generate_latest(registry))


def test_another_process_has_the_families_of_prometheus_client() -> None:
    # The parent runs longer than this test. The number ends in a newline, as in a pid file.
    arguments = ("daemon", lambda: f"{os.getppid()}\n")
    ours = exposed(dataclay_metrics, *arguments)
    theirs = exposed(prometheus_client, *arguments)
    assert ours.keys() == theirs.keys() | {"daemon_process_threads"}
    for name in ("max_fds", "start_time_seconds"):
        full = f"daemon_process_{name}"
        assert ours[full] == theirs[full]


def test_this_process_has_the_families_of_prometheus_client() -> None:
    ours, theirs = exposed(dataclay_metrics), exposed(prometheus_client)
    assert ours.keys() == theirs.keys() | {"process_threads"}
    assert ours["process_start_time_seconds"] == theirs["process_start_time_seconds"]
    by_pid = exposed(dataclay_metrics, "", lambda: "self")
    assert by_pid["process_start_time_seconds"] == ours["process_start_time_seconds"]


@pytest.mark.alone
def test_a_process_that_does_not_exist_is_skipped_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def exposition_for(pid: int | str) -> bytes:
        registry = CollectorRegistry()
        collector = ProcessCollector(pid=lambda: pid, registry=registry)
        with pytest.raises(ValueError, match="process_cpu_seconds_total"):
            ProcessCollector(registry=registry)
        try:
            return generate_latest(registry)
        finally:
            registry.unregister(collector)

    assert exposition_for(2**30) == b""
    with pytest.raises(ValueError, match='"nobody": must be a process id or self'):
        exposition_for("nobody")
    assert "must be a process id or self" in caplog.text


def test_the_error_for_a_wrong_argument_names_it() -> None:
    with pytest.raises(TypeError, match="proc must be str"):
        ProcessCollector(proc=3, registry=None)  # type: ignore[arg-type]


@pytest.mark.alone
def test_another_proc_folder_has_the_families_of_prometheus_client(tmp_path: Path) -> None:
    # The folder has no fd and no limits, as if this process could not read them.
    of_parent = Path("/proc", str(os.getppid()))
    here = tmp_path / of_parent.name
    here.mkdir()
    (tmp_path / "stat").write_text("cpu 1 2 3\nbtime 1418183276\n")
    (here / "stat").write_text((of_parent / "stat").read_text())
    arguments = ("", os.getppid, str(tmp_path))
    ours, theirs = exposed(dataclay_metrics, *arguments), exposed(prometheus_client, *arguments)
    assert ours.keys() == theirs.keys() | {"process_threads"}
    assert "process_open_fds" not in ours and "process_max_fds" not in ours
    assert ours["process_start_time_seconds"] == theirs["process_start_time_seconds"]
    assert exposed(dataclay_metrics, "", os.getppid, str(tmp_path / "none")) == {}
    (here / "fd").mkdir()
    for number in range(3):
        (here / "fd" / str(number)).touch()
    for limit, maximum in (("1024 4096 files", 1024.0), ("unlimited unlimited files", 0.0)):
        (here / "limits").write_text(
            f"Limit  Soft Limit  Hard Limit  Units\nMax open files {limit}\n"
        )
        found = exposed(dataclay_metrics, *arguments)
        assert found["process_max_fds"][2] == [("process_max_fds", {}, maximum)]
        assert found["process_open_fds"][2] == [("process_open_fds", {}, 3.0)]
