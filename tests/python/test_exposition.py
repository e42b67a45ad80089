"""Tests generate_latest() with promtool and with the parser of prometheus_client."""

import math
import subprocess
from collections.abc import Callable
from typing import Any

import dataclay_metrics
import prometheus_client
import pytest
from parsed import parsed

FIVE = {
    "dataclay_inmemory_objects": ("gauge", "Number of objects in memory"),
    "dataclay_loaded_objects": ("gauge", "Number of loaded objects"),
    "dataclay_stored_objects": ("gauge", "Number of stored objects"),
    "dataclay_inmemory_misses": ("counter", "Number of inmemory misses"),
    "dataclay_inmemory_hits": ("counter", "Number of inmemory hits"),
}

VALUES = [0, 1, -1, 0.1, -0.0, 2**53, 1e300, 5e-324, math.inf, -math.inf, math.nan]
DOCUMENTATION = [
    "plain",
    "",
    "back\\slash",
    "new\nline",
    '"quoted"',
    "\\n is not a newline",
    "Größe in µs ✓",
    "ends in a backslash\\",
]


# Adds metrics of a library to a registry.
Build = Callable[[Any, Any], None]


def gauges(library: Any, registry: Any) -> None:
    for i, value in enumerate(VALUES):
        library.Gauge(f"gauge_{i}", f"value {value}", registry=registry).set(value)


def counters(library: Any, registry: Any) -> None:
    library.Counter("untouched", "Never incremented", registry=registry)
    for i, amount in enumerate([1, 2.5, 1e-9, 2**53, 1e300]):
        library.Counter(f"counter_{i}", f"amount {amount}", registry=registry).inc(amount)


def documentation(library: Any, registry: Any) -> None:
    for i, text in enumerate(DOCUMENTATION):
        library.Gauge(f"documented_{i}", text, registry=registry)


@pytest.mark.parametrize("build", [gauges, counters, documentation])
def test_the_parser_reads_the_same_from_both_libraries(build: Build) -> None:
    ours = dataclay_metrics.CollectorRegistry()
    theirs = prometheus_client.CollectorRegistry()
    build(dataclay_metrics, ours)
    build(prometheus_client, theirs)
    expected = parsed(prometheus_client.generate_latest(theirs))
    assert len(expected) >= 5
    assert parsed(dataclay_metrics.generate_latest(ours)) == expected


def test_the_default_registry_has_the_metrics_of_dataclay_and_prometheus_client() -> None:
    families = parsed(dataclay_metrics.generate_latest())
    assert {name: families[name][:2] for name in FIVE} == FIVE
    others = {name for name in families.keys() - FIVE.keys() if not name.startswith("dataclay_")}
    assert {"dataclay_metrics_build_info", "dataclay_metrics_scrapes"} <= families.keys()
    theirs = parsed(prometheus_client.generate_latest())
    assert others == theirs.keys() | {"process_threads"}
    for name in others & theirs.keys():
        assert families[name][0] == theirs[name][0]
        labels = [[sample[1] for sample in family[2]] for family in (families[name], theirs[name])]
        assert labels[0] == labels[1], name


def promtool_complaints(text: bytes) -> str:
    """Returns the output of `promtool check metrics`."""
    command = ["promtool", "check", "metrics"]
    checked = subprocess.run(command, input=text, capture_output=True, timeout=60, check=False)
    complaints = checked.stderr.decode()
    assert (checked.returncode == 0) == (complaints == "")
    return complaints


def test_promtool_accepts_an_exposition() -> None:
    registry = dataclay_metrics.CollectorRegistry()
    gauges(dataclay_metrics, registry)
    counters(dataclay_metrics, registry)
    wait = dataclay_metrics.Histogram("wait_seconds", "Waits", ["of"], registry=registry)
    size = dataclay_metrics.Summary("size_bytes", "Sizes", registry=registry)
    states = ["waiting", "running"]
    dataclay_metrics.Enum("job_state", "State", registry=registry, states=states).state("running")
    for amount in (0, 0.3, 7.5, 1e9):
        wait.labels("disk").observe(amount, {"trace_id": "7b"})
        size.observe(amount)
    for text in (dataclay_metrics.generate_latest(), dataclay_metrics.generate_latest(registry)):
        assert promtool_complaints(text) == "", text.decode()


def test_promtool_refuses_a_metric_without_help() -> None:
    """Shows that the previous test can fail."""
    assert "help" in promtool_complaints(b"# TYPE jobs_total counter\njobs_total 1\n")


def test_the_latest_content_type_equals_that_of_prometheus_client() -> None:
    assert dataclay_metrics.CONTENT_TYPE_LATEST == prometheus_client.CONTENT_TYPE_LATEST


@pytest.mark.parametrize("port", [-1, 65536, 2**70])
def test_the_error_for_a_wrong_port_names_it_and_the_rule(port: int) -> None:
    with pytest.raises(OverflowError, match=f"^port {port}: must be 0 to 65535"):
        dataclay_metrics.start_http_server(port)
