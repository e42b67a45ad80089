"""Tests Histogram, Summary and Enum: arguments, values, timers, exemplars and threads."""

import asyncio
import math
import re
import threading
import time
from typing import Any

import dataclay_metrics
import prometheus_client
import pytest
from dataclay_metrics import (
    CollectorRegistry,
    Counter,
    Enum,
    Histogram,
    Summary,
    generate_latest,
)
from dataclay_metrics.registry import Collector
from prometheus_client.openmetrics.parser import text_string_to_metric_families

STATES = ("waiting", "running")


def sample(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


@pytest.mark.parametrize(
    ("buckets", "error", "message"),
    [
        ([2, 1], ValueError, "each bound is larger than the one before"),
        ([1, 1], ValueError, "each bound is larger than the one before"),
        ([], ValueError, "at least one finite bound"),
        ([math.inf], ValueError, 'buckets="inf": a histogram has at least one finite bound'),
        ([math.nan], ValueError, "finite"),
        ([-math.inf, 1], ValueError, "finite"),
        ([1, math.inf, 2], ValueError, "finite"),
        ([1, "x"], ValueError, "each of buckets: could not convert string to float: 'x'"),
        ([10**400], OverflowError, "each of buckets: int too large"),
        ([None], TypeError, "each of buckets must be a number, not NoneType"),
        ("123", TypeError, "buckets must be an iterable of numbers, not str"),
        (5, TypeError, "buckets must be an iterable of numbers, not int"),
    ],
)
def test_wrong_buckets_are_refused(buckets: Any, error: type[Exception], message: str) -> None:
    registry = CollectorRegistry()
    with pytest.raises(error, match=message):
        Histogram("h", "H", buckets=buckets, registry=registry)
    assert generate_latest(registry) == b""


def test_buckets_may_be_any_iterable_of_numbers() -> None:
    kinds: list[Any] = [(0.5, 1), ["0.5", 1, math.inf], iter([0.5, 1.0]), {0.5: 0, 1: 0}]
    for buckets in kinds:
        registry = CollectorRegistry()
        histogram = Histogram("h", "H", buckets=buckets, registry=registry)
        for number in (0.5, 0.75, 1, 2, True):
            histogram.observe(number)
        counts = [sample(registry, "h_bucket", le=le) for le in ("0.5", "1.0", "+Inf")]
        assert counts == [1, 4, 5]
        assert (sample(registry, "h_count"), sample(registry, "h_sum")) == (5, 5.25)
    assert len(Histogram.DEFAULT_BUCKETS) == 15
    assert Histogram.DEFAULT_BUCKETS[-1] == math.inf


def test_label_names_that_samples_use_are_refused() -> None:
    with pytest.raises(ValueError, match='"le"'):
        Histogram("h", "H", ["le"], registry=None)
    with pytest.raises(ValueError, match='"quantile"'):
        Summary("s", "S", ["quantile"], registry=None)
    with pytest.raises(ValueError, match='"e"'):
        Enum("e", "E", ["e"], states=["a"], registry=None)


@pytest.mark.parametrize("kind", [Histogram, Summary])
def test_an_observation_that_is_not_a_number_is_refused(
    kind: type[Histogram] | type[Summary],
) -> None:
    metric: Any = kind("m", "M", registry=None)
    wrongs: list[object] = ["1", None, [], 1j]
    for wrong in wrongs:
        with pytest.raises(TypeError, match=f"must be a number, not {type(wrong).__name__}"):
            metric.observe(wrong)
    with pytest.raises(OverflowError):
        metric.observe(10**400)
    with pytest.raises(TypeError):
        metric.observe()
    parent: Any = kind("p", "P", ["a"], registry=None)
    with pytest.raises(ValueError, match="choose a child"):
        parent.observe(1)


@pytest.mark.parametrize("kind", [Histogram, Summary])
def test_observe_accepts_every_kind_of_number(kind: type[Histogram] | type[Summary]) -> None:
    registry = CollectorRegistry()
    metric: Any = kind("m", "M", registry=registry)

    class Half:
        def __float__(self) -> float:
            return 0.5

    metric.observe(0.25)
    metric.observe(-1)
    metric.observe(-1.0)
    metric.observe(amount=4)
    metric.observe(Half())
    metric.observe(2**70)
    assert sample(registry, "m_count") == 6
    assert sample(registry, "m_sum") == 2.75 + 2**70
    assert repr(metric).endswith("count = 6, sum = 1.1805916207174113e21>")


def test_an_enum_has_one_active_state() -> None:
    registry = CollectorRegistry()
    jobs = Enum("job", "J", ["of"], states=STATES, registry=registry)
    jobs.labels("x").state("running")
    jobs.labels("y")
    active = {(of, s): sample(registry, "job", of=of, job=s) for of in "xy" for s in STATES}
    assert active == {
        ("x", "waiting"): 0,
        ("x", "running"): 1,
        ("y", "waiting"): 1,
        ("y", "running"): 0,
    }
    with pytest.raises(ValueError, match="none of the states of job: waiting, running"):
        jobs.labels("x").state("gone")
    assert repr(jobs.labels("x")) == '<Enum job{of="x"} = "running">'
    for states, message in (([], "at least one"), (["a", "a"], "only once")):
        with pytest.raises(ValueError, match=message):
            Enum("e", "E", states=states, registry=None)
    with pytest.raises(ValueError, match="no unit"):
        Enum("e", "E", states=["a"], unit="seconds", registry=None)


@pytest.mark.parametrize("kind", [Histogram, Summary])
def test_timers_observe_blocks_functions_and_coroutines(
    kind: type[Histogram] | type[Summary],
) -> None:
    registry = CollectorRegistry()
    metric = kind("took_seconds", "T", registry=registry)

    @metric.time()
    def work() -> int:
        return 7

    @metric.time()
    async def wait() -> int:
        await asyncio.sleep(0.01)
        return 8

    with metric.time():
        pass
    assert (work(), work(), asyncio.run(wait())) == (7, 7, 8)
    with pytest.raises(KeyError), metric.time():
        raise KeyError
    assert sample(registry, "took_seconds_count") == 5
    total = sample(registry, "took_seconds_sum")
    assert total is not None
    assert total >= 0.01
    labelled: Any = kind("labelled_seconds", "L", ["of"], registry=registry)
    with labelled.time() as timer:
        timer.labels(of="x")
    assert sample(registry, "labelled_seconds_count", of="x") == 1


def test_every_exposition_is_consistent_while_threads_observe() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("h", "H", buckets=[1, 2], registry=registry)
    stop = threading.Event()

    def observe() -> None:
        while not stop.is_set():
            for _ in range(100):
                histogram.observe(2)

    threads = [threading.Thread(target=observe) for _ in range(4)]
    for thread in threads:
        thread.start()
    before = 0.0
    try:
        for _ in range(200):
            (family,) = histogram.collect()
            values = {(s.name, s.labels.get("le")): s.value for s in family.samples}
            count = values["h_count", None]
            assert values["h_bucket", "2.0"] == values["h_bucket", "+Inf"] == count >= before
            assert values["h_sum", None] == 2 * count
            before = count
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_exemplars_are_exposed_in_openmetrics() -> None:
    registry = CollectorRegistry()
    jobs = Counter("jobs", "J", ["of"], registry=registry)
    times = Histogram("time", "T", buckets=[1], registry=registry)
    jobs.labels("a").inc(exemplar={"trace_id": "first"})
    jobs.labels("a").inc(2, {"trace_id": "last"})
    jobs.labels("a").inc(3, {})
    times.observe(0.5, {"trace_id": "low"})
    times.observe(2, exemplar={"trace_id": "high"})
    text = generate_latest(registry, format="openmetrics").decode()
    lines = [line for line in text.splitlines() if " # {" in line]
    stamps = [line.rpartition(" ")[2] for line in lines]
    assert all(abs(time.time() - float(stamp)) < 60 for stamp in stamps)
    assert [line.rpartition(" ")[0] for line in lines] == [
        'jobs_total{of="a"} 6.0 # {trace_id="last"} 2.0',
        'time_bucket{le="1.0"} 1.0 # {trace_id="low"} 0.5',
        'time_bucket{le="+Inf"} 2.0 # {trace_id="high"} 2.0',
    ]
    assert "trace_id" not in generate_latest(registry).decode()
    # Samples from collect() and from prometheus_client's parser have the exemplars as well.
    (family,) = jobs.collect()
    exemplar = family.samples[0].exemplar
    assert exemplar is not None
    assert (exemplar.labels, exemplar.value) == ({"trace_id": "last"}, 2)
    copy = CollectorRegistry()
    copy.register(Parsed(text))
    assert generate_latest(copy, format="openmetrics").decode() == text


class Parsed(Collector):
    """Yields the families of an exposition in OpenMetrics."""

    def __init__(self, text: str) -> None:
        self.text = text

    def collect(self) -> Any:
        read: Any = text_string_to_metric_families
        yield from read(self.text)


@pytest.mark.parametrize(
    ("exemplar", "error", "message"),
    [
        ({"a": "x" * 128}, ValueError, "at most 128 characters"),
        ({"__a": "x"}, ValueError, "__a"),
        ({"a": 1}, TypeError, "must be str, not int"),
        ([("a", "b")], TypeError, "exemplar must be a dict of str to str, not list"),
    ],
)
def test_wrong_exemplars_are_refused(exemplar: Any, error: type[Exception], message: str) -> None:
    counter, histogram = Counter("c", "C", registry=None), Histogram("h", "H", registry=None)
    with pytest.raises(error, match=message):
        counter.inc(1, exemplar)
    with pytest.raises(error, match=message):
        histogram.observe(1, exemplar)
    assert counter.get() == 0
    assert "count = 0" in repr(histogram)


def test_bounds_are_written_as_prometheus_client_writes_them() -> None:
    """Compares ``le``, so that one query reads the processes of both libraries."""
    bounds = [-3, 0, 2.5e-6, 1e-5, 1e-4, 0.25, 7, 99_999.5, 1e5, 1e6, 2**20, 123_456_789.5, 1e21]

    def written(library: Any) -> list[str]:
        registry = library.CollectorRegistry()
        library.Histogram("bytes", "", buckets=bounds, registry=registry)
        return re.findall('le="(.*?)"', library.generate_latest(registry).decode())

    assert written(dataclay_metrics) == written(prometheus_client)


def test_native_buckets_leave_the_explicit_buckets_unchanged() -> None:
    registry = CollectorRegistry()
    plain, native = (
        Histogram("h", "", ["of"], registry=registry, native_buckets=native)
        for registry, native in [(registry, None), (CollectorRegistry(), (3, 1e-6, 1e3))]
    )
    for amount in [0.001, 0.3, 7, 1e9, 0, -1, float("inf"), float("nan")]:
        plain.labels("x").observe(amount)
        native.labels("x").observe(amount)
    # The sum is NaN, which equals itself only as text.
    assert str([m.samples for m in plain.collect()]) == str([m.samples for m in native.collect()])


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (3, TypeError, "native_buckets must be an iterable of numbers, not int"),
        ((3, 1.0), ValueError, "native_buckets .*: must be schema, zero threshold and largest"),
        ((0.5, 0.1, 1), ValueError, "native_buckets .*: a schema is a whole number"),
        ((float("nan"), 0.1, 1), ValueError, "a schema is a whole number"),
        ((9, 0.1, 1), ValueError, 'schema="9": a schema is between -4 and 8'),
        ((1e99, 0.1, 1), ValueError, "a schema is between -4 and 8"),
        ((3, 0, 1), ValueError, 'zero_threshold="0"'),
        ((3, 1, 1), ValueError, 'largest="1"'),
        ((8, 1e-300, 1e300), ValueError, "at most 8192"),
    ],
)
def test_wrong_native_buckets_are_refused(wrong: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Histogram("h", "", registry=None, native_buckets=wrong)
