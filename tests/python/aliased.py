"""A plugin of pytest that installs dataclay_metrics as prometheus_client.

The tests of prometheus_client then use dataclay_metrics. The plugin writes the names of those that
pass to the file in the variable PASSED.
"""

import os
import urllib.request  # noqa: F401 - tests use it through prometheus_client, which imports it

import pytest
from dataclay_metrics.compat import install_as_prometheus_client

install_as_prometheus_client()

_passed: set[str] = set()
_failed: set[str] = set()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Enables the samples ``_created``, except in tests of the multiprocess mode.

    These are the defaults of prometheus_client.
    """
    disabled = "test_multiprocess" in item.nodeid
    os.environ["PROMETHEUS_DISABLE_CREATED_SERIES"] = str(disabled).lower()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    name = report.nodeid.removeprefix("tests/")
    if report.failed:
        _failed.add(name)
    elif report.when == "call" and report.passed:
        _passed.add(name)


def pytest_sessionfinish() -> None:
    with open(os.environ["PASSED"], "w") as file:
        file.writelines(f"{name}\n" for name in sorted(_passed - _failed))
