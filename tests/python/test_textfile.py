"""Tests write_to_textfile(): permissions, failures, and a system without /proc."""

import os
from pathlib import Path

import interpreter
import pytest
from dataclay_metrics import CollectorRegistry, Gauge, write_to_textfile


def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    Gauge("rooms", "", registry=made).set(3)
    return made


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_the_file_has_the_permissions_that_the_umask_allows(tmp_path: Path, umask: int) -> None:
    code = "import os, sys, dataclay_metrics as m; os.umask(int(sys.argv[2])); "
    code += "m.write_to_textfile(sys.argv[1], m.REGISTRY)"
    ended = interpreter.run("-c", code, str(tmp_path / "a.prom"), str(umask))
    assert ended.status == 0, ended.stderr
    assert (tmp_path / "a.prom").stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "a.prom"
    folder.mkdir()  # a folder cannot be replaced by a file
    with pytest.raises(OSError):
        write_to_textfile(folder, registry())
    with pytest.raises(FileNotFoundError):
        write_to_textfile(tmp_path / "b.prom", registry(), tmpdir=tmp_path / "absent")
    assert os.listdir(tmp_path) == ["a.prom"]


@pytest.mark.skipif(os.geteuid() != 0, reason="hides /proc, which only root may do")
def test_write_to_textfile_works_without_proc(tmp_path: Path) -> None:
    write = "import sys, dataclay_metrics as m; m.write_to_textfile(sys.argv[1], m.REGISTRY)"
    hide = 'mount --make-rprivate / && mount -t tmpfs none /proc && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", hide, "sh", interpreter.PYTHON, "-c", write]
    with interpreter.running_program([*command, tmp_path / "a.prom"], {}) as program:
        _, errors = program.communicate(timeout=interpreter.TIMEOUT)
    assert (program.returncode, errors) == (0, "")
    assert "dataclay_inmemory_hits_total 0.0\n" in (tmp_path / "a.prom").read_text()
