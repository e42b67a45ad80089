"""Tests labels: choosing children, removing them, and the bound on their number."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from dataclay_metrics import CollectorRegistry, Counter, Gauge, Info, generate_latest
from threads import run_in_threads


def requests(registry: CollectorRegistry | None = None) -> Counter:
    return Counter("requests", "Requests", ["method", "code"], registry=registry)


def test_every_way_to_choose_a_child_returns_the_same_object() -> None:
    counter = requests()
    child = counter.labels("get", "200")
    assert counter.labels(code=200, method="get") is child
    assert counter.labels("get", 200) is child
    child.inc()
    assert counter.labels("get", "200").get() == 1


def test_label_values_are_converted_by_str() -> None:
    class Upper(str):
        def __str__(self) -> str:
            return Upper(self.upper())

        def __hash__(self) -> int:
            raise AssertionError("the hash of a str subclass is not used")

    counter = requests()
    counter.labels(Upper("get"), None).inc()
    assert counter.labels("GET", "None").get() == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda c: c.labels("get"), r"requests_total has the labels .*method.*but got 1 values"),
        (lambda c: c.labels("get", "200", "x"), "3 values"),
        (lambda c: c.labels(), "0 values"),
        (lambda c: c.labels(method="get"), r'not \["method"\]'),
        (lambda c: c.labels(method="get", status="200"), "status"),
        (lambda c: c.labels("get", code="200"), "not both"),
        (
            lambda c: c.labels("get", "200").labels("get", "200"),
            r"\{.*200.*\} is a child: it has all its",
        ),
        (lambda c: c.remove("get"), "1 values"),
        (lambda c: c.remove_by_labels({"status": "200"}), "status"),
        (lambda c: c.inc(), r"labels\(\) first"),
        (lambda c: c.inc(1), r"labels\(\) first"),
        (lambda c: c.get(), r"labels\(\) first"),
        (lambda c: c.count_exceptions(), r"labels\(\) first"),
        (lambda c: c.labels("\ud800", ""), "surrogates"),
    ],
)
def test_wrong_use_of_labels_raises_and_counts_nothing(
    wrong: Callable[[Counter], object], message: str
) -> None:
    counter = requests()
    with pytest.raises(ValueError, match=message):
        wrong(counter)
    assert sum(sample.value for sample in counter.collect()[0].samples) == 0


@pytest.mark.parametrize("names", [["a", "a"], ["__a"], [""]])
def test_invalid_label_names_are_refused(names: list[str]) -> None:
    for metric in (Counter, Gauge, Info):
        with pytest.raises(ValueError, match="label"):
            metric("name", "Help", names, registry=None)


def test_label_names_given_as_one_string_raise_a_type_error() -> None:
    with pytest.raises(TypeError):
        Counter("name", "Help", "method", registry=None)


def test_a_metric_without_label_names_has_no_children() -> None:
    counter = Counter("jobs", "Jobs", registry=None)
    for use in (counter.labels, counter.remove):
        with pytest.raises(ValueError, match="jobs_total has no labels"):
            use("x")
    counter.inc()
    counter.clear()
    assert counter.get() == 1


def test_a_removed_child_is_not_exposed_and_a_new_one_starts_at_zero() -> None:
    registry = CollectorRegistry()
    counter = requests(registry)
    removed = counter.labels("get", "200")
    removed.inc(5)
    counter.labels("post", "200").inc(2)
    counter.remove("get", 200)
    removed.inc()
    assert removed.get() == 6
    assert b"get" not in generate_latest(registry)
    recreated = counter.labels("get", "200")
    assert recreated is not removed and recreated.get() == 0
    counter.remove_by_labels({"code": 200, "method": "post"})
    counter.remove_by_labels({})
    assert [s.labels["method"] for s in counter.collect()[0].samples] == ["get"]
    counter.clear()
    assert counter.collect()[0].samples == []
    with pytest.raises(TypeError):
        counter.remove_by_labels(["code"])  # type: ignore[arg-type]


def test_children_beyond_ten_thousand_share_the_overflow_child() -> None:
    counter = Counter("users", "Users", ["name"], registry=None)
    for at in range(10_000):
        counter.labels(at).inc()
    counter.labels("one more").inc()
    counter.labels("and one").inc(2)
    assert counter.labels("__overflow__").get() == 3
    assert counter.labels(9_999).get() == 1
    assert repr(counter) == "<Counter users_total{name} with 10001 children>"


@pytest.mark.parametrize("metric_type", [Counter, Gauge, Info])
def test_the_bound_on_children_can_be_chosen(metric_type: type[Counter | Gauge | Info]) -> None:
    metric = metric_type("users", "Users", ["name"], registry=None, max_children=2)
    for name in ("a", "b", "c", "d"):
        metric.labels(name)
    labels = [sample.labels["name"] for sample in metric.collect()[0].samples]
    assert labels == ["a", "b", "__overflow__"]
    for labelnames, wrong in (([], 2), (["name"], -1)):
        with pytest.raises(ValueError, match=rf"max_children.*{wrong}"):
            metric_type("users", "Users", labelnames, registry=None, max_children=wrong)


def test_threads_that_create_and_remove_children_share_them() -> None:
    """Checks that the counts after the last removal are exposed: all threads have one child."""
    counter = requests()
    start = threading.Barrier(3)

    def churn(remove: bool) -> None:
        start.wait()
        for at in range(2_000):
            counter.labels("get", at % 7).inc()
            if remove and at % 11 == 0:
                counter.remove("get", at % 7)
            if remove and at % 97 == 0:
                counter.clear()

    run_in_threads(partial(churn, remove) for remove in (True, True, False))
    for code in range(7):
        counter.labels("get", code).inc()
    by_code = {s.labels["code"]: s.value for s in counter.collect()[0].samples}
    assert by_code == {str(code): counter.labels("get", code).get() for code in range(7)}


def test_repr_shows_name_labels_and_value() -> None:
    counter = requests()
    child = counter.labels("get", 'a "b"')
    child.inc(3)
    assert repr(child) == '<Counter requests_total{method="get",code="a \\"b\\""} = 3>'
    assert repr(counter) == "<Counter requests_total{method,code} with 1 child>"
    gauge = Gauge("room", "Room", registry=None)
    gauge.set(2.5)
    assert repr(gauge) == "<Gauge room = 2.5>"
    info = Info("build", "Build", registry=None)
    info.info({"version": "1"})
    assert repr(info) == '<Info build_info{version="1"}>'
