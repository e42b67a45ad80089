"""Tests registries: registration, duplicates and names."""

import pytest
from dataclay_metrics import CollectorRegistry, Counter, Gauge, generate_latest


def test_one_name_in_two_registries_makes_two_counters() -> None:
    one, other = CollectorRegistry(), CollectorRegistry()
    first = Counter("jobs", "Jobs done", registry=one)
    second = Counter("jobs", "Jobs done", registry=other)
    first.inc(2)
    second.inc(30)
    assert (first.get(), second.get()) == (2, 30)
    assert b"\njobs_total 2.0\n" in generate_latest(one)
    assert b"\njobs_total 30.0\n" in generate_latest(other)


def test_a_duplicate_is_refused_with_an_error_that_names_both() -> None:
    registry = CollectorRegistry()
    counter = Counter("jobs", "Jobs done", registry=registry)
    counter.inc(7)
    before = generate_latest(registry)
    with pytest.raises(ValueError, match="jobs_total") as refused:
        Gauge("jobs_total", "Jobs waiting", registry=registry)
    message = str(refused.value).lower()
    assert "counter" in message and "gauge" in message
    assert generate_latest(registry) == before


def test_an_unregistered_metric_keeps_its_value_and_can_be_registered_again() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("jobs_waiting", "Jobs waiting", registry=None)
    gauge.set(5)
    assert generate_latest(registry) == b""
    registry.register(gauge)
    assert b"\njobs_waiting 5.0\n" in generate_latest(registry)
    registry.unregister(gauge)
    assert generate_latest(registry) == b""
    assert gauge.get() == 5
    with pytest.raises(KeyError):
        registry.unregister(gauge)
    registry.register(gauge)
    assert b"\njobs_waiting 5.0\n" in generate_latest(registry)


@pytest.mark.parametrize("metric", [Counter, Gauge])
def test_an_empty_name_is_refused(metric: type[Counter] | type[Gauge]) -> None:
    with pytest.raises(ValueError, match="empty"):
        metric("", "documentation", registry=None)


def test_a_metric_has_its_name_and_documentation() -> None:
    assert Counter("jobs", "Jobs done", registry=None).name == "jobs_total"
    assert Counter("jobs_total", "Jobs done", registry=None).name == "jobs_total"
    gauge = Gauge("jobs_waiting", "Jobs\nwaiting", registry=None)
    assert (gauge.name, gauge.documentation) == ("jobs_waiting", "Jobs\nwaiting")
