"""Runs the tests of prometheus_client on this package, which they import by that name.

prometheus_client_tests.txt has the name of each that passes, and docs/python.md the reasons of all
others. After a change, write the list anew with `.venv/bin/python tests/python/test_upstream.py`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import upstream
from stack import in_memory

PASSING = Path(__file__).with_name("prometheus_client_tests.txt")
UNCERTAIN = {"test_exposition.py::TestWsgiTLS::test_mtls_untrusted_client_cert_raises"}
"""Passes or fails by chance, also on prometheus_client: TLS 1.3 refuses a certificate after the
handshake, and the connection may be reset first."""


def run(folder: Path) -> set[str]:
    """Runs the tests in a process of their own, and returns the names of those that passed."""
    passed = folder / "passed.txt"
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(upstream.FOLDER / "site")])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "aliased", "-p", "no:cacheprovider"]
    tests = upstream.fetch()
    command += ["--continue-on-collection-errors", f"--rootdir={tests}", "-W", "ignore", str(tests)]
    # Directories of its multiprocess mode have stand-ins in tmpfs, which end with this.
    with in_memory() as runtime:
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ
            | {"PYTHONPATH": path, "PASSED": str(passed), "PYTEST_ADDOPTS": ""}
            | {"XDG_RUNTIME_DIR": str(runtime)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=110,
            check=False,
        )
    if not passed.exists():
        raise RuntimeError(done.stdout)
    return set(passed.read_text().splitlines()) - UNCERTAIN


@pytest.mark.alone
def test_the_tests_of_prometheus_client_that_pass_are_those_of_the_list(tmp_path: Path) -> None:
    passed, listed = run(tmp_path), set(PASSING.read_text().splitlines())
    assert listed <= passed, "these passed before"
    assert passed <= listed, "these pass now: add them to the list"


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        names = run(Path(folder))
    PASSING.write_text("".join(f"{name}\n" for name in sorted(names)))
    print(len(names), "pass")
