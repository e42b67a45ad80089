"""Fetches the tests of prometheus_client, and runs them on dataclay_metrics.

`make test` runs this as a program while the compiler works, because pip takes a while. Nothing of
what it fetches is committed.
"""

import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSION = "0.26.0"
FOLDER = ROOT / "target" / "prometheus_client"
SOURCE = FOLDER / f"prometheus_client-{VERSION}"
# One for each CPython: `make test-wheel` runs the tests on all, and snappy has a compiled part.
SITE = FOLDER / f"site-{sys.implementation.cache_tag}"
# The tests need these in addition to pytest. Without aiohttp, django and twisted they skip eleven
# tests, which `make test-packages` makes up for.
NEEDED = ["asgiref==3.12.1", "python-snappy==0.7.3"]


def fetch() -> Path:
    """Fetches the tests unless they are there, and returns their folder."""
    ready, wanted = SITE / "ready", "\n".join([VERSION, *NEEDED])
    if not ready.exists() or ready.read_text() != wanted:
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        sdist_of = ["--no-binary", "prometheus_client", f"prometheus_client=={VERSION}"]
        download = [*pip, "download", "--no-deps", "--dest", str(FOLDER), *sdist_of]
        subprocess.run(download, check=True)
        with tarfile.open(f"{SOURCE}.tar.gz") as sdist:
            sdist.extractall(FOLDER, filter="data")
        subprocess.run([*pip, "install", "--upgrade", "--target", str(SITE), *NEEDED], check=True)
        ready.write_text(wanted)
    return SOURCE / "tests"


if __name__ == "__main__":
    fetch()
