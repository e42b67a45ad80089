"""The C library as `make test` installs it, for the tests that load it or link with it."""

import sys
from pathlib import Path

import pytest

PREFIX = Path(__file__).parents[2] / "target/c/prefix"
LIBRARY = PREFIX / "lib/libdataclay_metrics.so"

if sys.platform != "linux":
    pytest.skip("make install-c supports Linux only", allow_module_level=True)
