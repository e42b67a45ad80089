"""Tests subclasses of the metric classes, and attributes, copies and patches of metrics."""

import copy
import gc
import pickle
import weakref
from typing import Any
from unittest import mock

import pytest
from dataclay_metrics import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary
from dataclay_metrics.core import GaugeMetricFamily, Metric

CLASSES = (Counter, Gauge, Histogram, Info, Summary, Enum)


class Calls(Counter):
    """A counter with another constructor and an attribute."""

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        super().__init__("calls", "Calls", ["who"], registry=registry)
        self.prefix = prefix

    def call(self, who: str) -> None:
        self.labels(self.prefix + who).inc()


def test_children_have_the_class_and_the_attributes_of_their_family() -> None:
    registry = CollectorRegistry()
    calls = Calls(registry, "x-")
    calls.call("a")
    child = calls.labels("x-a")
    assert type(child) is Calls and child is calls.labels("x-a")
    assert child.prefix == "x-"
    child.inc(amount=2)
    child.inc(0.5)
    assert registry.get_sample_value("calls_total", {"who": "x-a"}) == 3.5
    with pytest.raises(ValueError, match="choose a child"):
        calls.inc()


def test_a_registry_calls_the_collect_method_of_a_subclass() -> None:
    class Doubled(Gauge):
        def collect(self) -> list[Metric]:
            return [GaugeMetricFamily("doubled", "D", value=2 * self.get())]

    registry = CollectorRegistry()
    Doubled("doubled", "D", registry=registry).set(21)
    assert registry.get_sample_value("doubled") == 42


def test_a_registry_may_be_subclassed() -> None:
    class Counting(CollectorRegistry):
        def __init__(self) -> None:
            super().__init__(target_info={"env": "test"})
            self.registered: list[object] = []

        def register(self, collector: object) -> None:
            self.registered.append(collector)
            super().register(collector)  # type: ignore[arg-type]

    registry = Counting()
    jobs = Counter("jobs", "Jobs", registry=registry)
    assert registry.registered == [jobs]
    assert registry.get_sample_value("target_info", {"env": "test"}) == 1


@pytest.mark.parametrize("metric_type", CLASSES)
def test_a_metric_without_init_raises(metric_type: type[Counter]) -> None:
    class Without(metric_type):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            pass

    metric = Without()
    assert "before __init__" in repr(metric)
    for name in ("inc", "observe", "name", "collect", "_labelnames", "_children", "clear"):
        if hasattr(metric_type, name):
            with pytest.raises(RuntimeError, match="__init__"):
                getattr(metric, name)(*[1] * (name == "observe"))
    with pytest.raises(RuntimeError, match="__init__"):
        CollectorRegistry().register(metric)


def test_a_second_init_raises() -> None:
    counter = Counter("jobs", "Jobs", registry=None)
    with pytest.raises(RuntimeError, match="made already"):
        counter.__init__("jobs", "Jobs", registry=None)  # type: ignore[misc]


@pytest.mark.parametrize("metric_type", CLASSES)
def test_metrics_accept_attributes_patches_and_weak_references(metric_type: type[Counter]) -> None:
    states: dict[str, Any] = {"states": ["a"]} if issubclass(metric_type, Enum) else {}
    metric = metric_type("m", "M", registry=None, **states)
    metric.owner = "me"  # type: ignore[attr-defined]
    assert metric.owner == "me"  # type: ignore[attr-defined]
    assert weakref.ref(metric)() is metric
    with mock.patch.object(metric, "collect", return_value=[]):
        assert metric.collect() == []
    assert len(metric.collect()) == 1


@pytest.mark.parametrize("metric_type", CLASSES)
def test_a_metric_has_no_dict_before_its_first_attribute(metric_type: type[Counter]) -> None:
    """Checks this because CPython 3.12 takes twice as long for methods of an object with a dict."""
    states: dict[str, Any] = {"states": ["a"]} if issubclass(metric_type, Enum) else {}
    metric = metric_type("m", "M", ["who"], registry=None, **states)
    child = metric.labels("me")
    for one in (metric, child, copy.copy(child)):
        assert not [held for held in gc.get_referents(one) if isinstance(held, dict)]
    child.owner = "me"  # type: ignore[attr-defined]
    assert vars(child) == {"owner": "me"} and vars(metric) == {}


def test_inc_can_be_patched_on_one_counter() -> None:
    counter = Counter("jobs", "Jobs", registry=None)
    with mock.patch.object(counter, "inc") as inc:
        counter.inc(3)
    inc.assert_called_once_with(3)
    counter.inc()
    assert counter.get() == 1


def test_a_copy_is_the_same_metric_and_a_pickle_is_refused() -> None:
    counter = Counter("jobs", "Jobs", ["who"], registry=None)
    copied = copy.copy(counter)
    copied.labels("me").inc()
    assert copied is not counter and counter.labels("me").get() == 1
    assert copied.labels("me") is counter.labels("me")
    assert copy.copy(counter.labels("me")).get() == 1
    for refuse in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot pickle Counter"):
            refuse(counter)
