"""A plugin of pytest: tests of prometheus_client import dataclay_metrics by its name.

Writes the names of the tests that passed into the file that a variable names.
"""

import os
import urllib.request  # noqa: F401 - prometheus_client imports it, and its tests use that

import pytest
from dataclay_metrics.compat import install_as_prometheus_client

install_as_prometheus_client()

_passed: set[str] = set()
_failed: set[str] = set()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Asks for the samples ``_created``, as a program does that wants them.

    prometheus_client has them by default, but not in its multiprocess mode.
    """
    has_them = "test_multiprocess" not in item.nodeid
    os.environ["PROMETHEUS_DISABLE_CREATED_SERIES"] = str(not has_them).lower()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    name = report.nodeid.removeprefix("tests/")
    if report.failed:
        _failed.add(name)
    elif report.when == "call" and report.passed:
        _passed.add(name)


def pytest_sessionfinish() -> None:
    with open(os.environ["PASSED"], "w") as file:
        file.writelines(f"{name}\n" for name in sorted(_passed - _failed))
