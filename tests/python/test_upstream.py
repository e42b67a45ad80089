"""Runs the tests of prometheus_client on this package, which they import by that name.

prometheus_client_tests.txt lists those that pass. docs/python.md explains why others fail. After a
change, rewrite the list with `.venv/bin/python tests/python/test_upstream.py`.
"""

import itertools
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import upstream
from stack import tmpfs_directory

PASSING = Path(__file__).with_name("prometheus_client_tests.txt")
UNCERTAIN = {"test_exposition.py::TestWsgiTLS::test_mtls_untrusted_client_cert_raises"}
"""Also fails at random with prometheus_client: TLS 1.3 refuses a certificate after the handshake,
and the connection may be reset first."""
MULTIPROCESS = "test_multiprocess.py::TestMultiProcess"
"""The prefix of the names of tests that each run in a separate process.

Each of them uses another directory, but a process counts in only one."""


def run(folder: Path, candidates: set[str]) -> set[str]:
    """Returns the names of the tests that pass. Of ``MULTIPROCESS``, runs only the candidates."""
    tests = upstream.fetch()
    alone = sorted(name for name in candidates if name.startswith(MULTIPROCESS))
    runs = [[str(tests), f"--deselect={MULTIPROCESS}"], *([f"{tests}/{name}"] for name in alone)]
    with ThreadPoolExecutor(2) as pool:
        passed = pool.map(partial(run_some, folder), itertools.count(), runs)
        return set().union(*passed) - UNCERTAIN


def all_multiprocess() -> set[str]:
    """Returns the names of all tests in ``MULTIPROCESS``."""
    file, prefix = MULTIPROCESS.split("::")
    classes = re.split(r"(?m)^class (\w+)", (upstream.fetch() / file).read_text())[1:]
    return {
        f"{file}::{name}::{test}"
        for name, body in zip(classes[::2], classes[1::2], strict=True)
        if name.startswith(prefix)
        for test in re.findall(r"def (test_\w+)", body)
    }


def run_some(folder: Path, number: int, which: list[str]) -> set[str]:
    """Runs some tests in one process, and returns the names of those that passed."""
    passed = folder / f"passed_{number}.txt"
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(upstream.SITE)])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "aliased", "-p", "no:cacheprovider"]
    command += [
        "--continue-on-collection-errors",
        f"--rootdir={upstream.fetch()}",
        "-W",
        "ignore",
        *which,
    ]
    # The package replaces directories on disk by others in this one, which is removed.
    with tmpfs_directory() as runtime:
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ
            | {"PYTHONPATH": path, "PASSED": str(passed), "PYTEST_ADDOPTS": ""}
            | {"XDG_RUNTIME_DIR": str(runtime)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=570,
            check=False,
        )
    if not passed.exists():
        raise RuntimeError(done.stdout)
    return set(passed.read_text().splitlines())


@pytest.mark.alone
@pytest.mark.timeout(600)
def test_the_list_has_the_tests_of_prometheus_client_that_pass(tmp_path: Path) -> None:
    listed = set(PASSING.read_text().splitlines())
    passed = run(tmp_path, listed)
    assert listed <= passed, "these passed before"
    assert passed <= listed, "these pass now: add them to the list"


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        names = run(Path(folder), all_multiprocess())
    PASSING.write_text("".join(f"{name}\n" for name in sorted(names)))
    print(len(names), "pass")
