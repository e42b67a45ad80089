"""Fetches the tests of prometheus_client, which test_upstream.py runs.

`make test` runs this as a program during the compilation, because pip is slow. The tests are not
part of the repository.
"""

import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSION = "0.26.0"
FOLDER = ROOT / "target" / "prometheus_client"
SOURCE = FOLDER / f"prometheus_client-{VERSION}"
# A folder for each CPython, because python-snappy has a compiled part.
SITE = FOLDER / f"site-{sys.implementation.cache_tag}"
# The tests need these and pytest. Without aiohttp, django and twisted they skip eleven tests.
# `make test-packages` has tests of these packages.
NEEDED = ["asgiref==3.12.1", "python-snappy==0.7.3"]


def fetch() -> Path:
    """Fetches the tests, unless they exist. Returns their folder."""
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
