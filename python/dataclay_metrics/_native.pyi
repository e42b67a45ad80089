"""The part of dataclay_metrics that is written in Rust. Private: import ``dataclay_metrics``."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from os import PathLike
from pathlib import Path
from typing import Any, Final, Literal, Protocol, final

from typing_extensions import Self, disjoint_base

from .client.families import Metric
from .context_managers import ExceptionCounter, InprogressTracker, Timer

__all__ = [
    "CONTENT_TYPE_LATEST",
    "CONTENT_TYPE_PLAIN_0_0_4",
    "CONTENT_TYPE_PLAIN_1_0_0",
    "GC_COLLECTOR",
    "PLATFORM_COLLECTOR",
    "PROCESS_COLLECTOR",
    "REGISTRY",
    "CollectorRegistry",
    "Counter",
    "DuplicateTimeseries",
    "Enum",
    "GCCollector",
    "Gauge",
    "Histogram",
    "HttpExporter",
    "Info",
    "LastPush",
    "MultiProcessCollector",
    "OtlpExporter",
    "PlatformCollector",
    "ProcessCollector",
    "PushExporter",
    "Segment",
    "Segments",
    "Settings",
    "Summary",
    "__version__",
    "after_fork_in_child",
    "after_fork_in_parent",
    "auto_segment_directory",
    "before_fork",
    "close_to_threads",
    "content_type",
    "dataclay_inmemory_hits_total",
    "dataclay_inmemory_misses_total",
    "dataclay_inmemory_objects",
    "dataclay_loaded_objects",
    "dataclay_stored_objects",
    "default_instance",
    "disable_created_metrics",
    "enable_created_metrics",
    "encode",
    "follow_loop",
    "gateway_request",
    "generate_latest",
    "get_legacy_validation",
    "grouping_path",
    "is_loop_thread",
    "keep_role_metrics",
    "negotiate",
    "one_line",
    "push_body",
    "set_legacy_validation",
    "start_exporter",
    "without_secrets",
]

class _Collector(Protocol):
    def collect(self) -> Iterable[Metric]: ...

class _Registry(Protocol):
    def register(self, collector: Any, /) -> object: ...

__version__: Final[str]

CONTENT_TYPE_LATEST: Final[str]
"""The Content-Type for the text of `generate_latest()`: version 1.0.0, as in prometheus_client."""

CONTENT_TYPE_PLAIN_0_0_4: Final[str]
"""The Content-Type of the Prometheus text format 0.0.4."""

CONTENT_TYPE_PLAIN_1_0_0: Final[str]
"""The Content-Type of the Prometheus text format 1.0.0.

A scrape endpoint responds with it, plus the escaping scheme, if the client names a scheme.
"""

REGISTRY: Final[CollectorRegistry]
"""The default registry: the five dataClay metrics and the three collectors below."""

PROCESS_COLLECTOR: Final[ProcessCollector]
PLATFORM_COLLECTOR: Final[PlatformCollector]
GC_COLLECTOR: Final[GCCollector]

dataclay_inmemory_objects: Final[Gauge]
dataclay_loaded_objects: Final[Gauge]
dataclay_stored_objects: Final[Gauge]
dataclay_inmemory_misses_total: Final[Counter]
dataclay_inmemory_hits_total: Final[Counter]

class DuplicateTimeseries(ValueError):
    """A registry holds another metric of the same name. The message names both."""

    duplicates: AbstractSet[str]

@disjoint_base
class CollectorRegistry:
    """A set of metrics and custom collectors with distinct names.

    If `auto_describe` is set, a custom collector without a method `describe()` is collected when it
    is registered, to learn its names. `target_info` are labels of the process, exposed as the
    metric `target_info`. All methods may be called from any thread.
    """

    def __init__(
        self,
        auto_describe: bool = False,
        target_info: dict[str, str] | None = None,
        support_collectors_without_names: bool = False,
    ) -> None: ...
    def register(self, collector: _Collector) -> None:
        """Registers a metric, or any object with a method `collect()` that returns `Metric`s.

        Raises `DuplicateTimeseries`, a `ValueError` that names both metrics, if one with the same
        name is registered. Raises `TypeError` if the object has no `collect()`.
        """

    def unregister(self, collector: _Collector) -> None:
        """Unregisters a metric or a collector. A metric keeps its value.

        Raises `KeyError` if it is not registered in this registry.
        """

    def collect(self) -> Iterator[Metric]:
        """Yields every registered `Metric`, with its samples.

        A custom collector that raises is skipped, and the logger `dataclay_metrics` logs the
        failure.
        """

    def restricted_registry(self, names: Iterable[str]) -> CollectorRegistry:
        """Returns a registry that collects only the samples of this one with these names."""

    def get_sample_value(self, name: str, labels: dict[str, str] | None = None) -> float | None:
        """Returns the value of the sample with this name and exactly these labels, or None.

        This is for tests, because it collects every metric.
        """

    def set_target_info(self, labels: dict[str, str] | None) -> None:
        """Sets the labels of `target_info`. None or an empty dict removes it."""

    @property
    def _collectors(self) -> list[_Collector]: ...
    def get_target_info(self) -> dict[str, str] | None:
        """Returns the labels of `target_info`, or None."""

class Counter:
    """A value that only increases.

    The exposed name is namespace, subsystem, name and unit, joined by `_`, with `_total` at its
    end. A counter with `labelnames` only holds children, one for each set of label values: see
    `labels()`. It holds at most `max_children` children, by default 10,000. All further label sets
    share one child whose labels are `__overflow__`.

    `registry=None` registers nowhere.

    All methods may be called from any thread. Raises `ValueError` if a name is not valid, or if
    another metric of the registry has it; also for `max_children` without `labelnames`.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Iterable[str] = ...,
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: _Registry | None = ...,
        _labelvalues: Sequence[str] | None = None,
        *,
        max_children: int | None = None,
    ) -> None: ...
    def inc(self, amount: float = 1, exemplar: dict[str, str] | None = None) -> None:
        """Adds `amount`. An int is counted exactly.

        Raises `ValueError` if `amount` is negative, NaN or infinite. Also raises it if the counter
        has label names, because then only its children count. An `exemplar` is a dict of labels,
        such as a trace id, with at most 128 characters together. OpenMetrics exposes the last one.
        """

    def get(self) -> int | float:
        """Returns the sum of all increments. It is an int if only whole amounts were added, or if
        it is at least 2^53. The sum of whole amounts saturates at 2^64 - 1.

        It is exact once the incrementing threads are joined. It is never smaller than a value that
        the same thread has read before, unless `reset()` was called.
        """

    def reset(self) -> None:
        """Sets the counter to zero, with a new start time. Prometheus treats that as a restart.

        Raises `ValueError` if the process counts together with others, or if the counter has label
        names.
        """

    def count_exceptions(
        self, exception: type[BaseException] | tuple[type[BaseException], ...] = ...
    ) -> ExceptionCounter:
        """Counts the exceptions that leave a `with` block or a decorated function.

        `exception` is a class or a tuple of classes. A decorated function may be `async def`.
        """

    def labels(self, *labelvalues: object, **labelkwargs: object) -> Self:
        """Returns the child with these label values.

        They are positional, in the order of `labelnames`, or by name. Values are converted with
        `str`. The first call with a set of values makes the child. Keep a child that is used often:
        the lookup costs more than an increment.
        """

    def remove(self, *labelvalues: object) -> None:
        """Removes the child with these label values, if there is one."""

    def remove_by_labels(self, labels: dict[str, Any]) -> None:
        """Removes the children whose labels have all values of this dict."""

    def clear(self) -> None:
        """Removes all children."""

    def collect(self) -> list[Metric]:
        """Returns a list of one `Metric`: this metric with its samples."""

    def describe(self) -> list[Metric]:
        """Returns a list of one `Metric`: this metric without samples."""

    @property
    def name(self) -> str:
        """The exposed name. It ends in `_total` for a counter, and in `_info` for an info."""

    @property
    def documentation(self) -> str:
        """The help text."""

    @property
    def _labelnames(self) -> tuple[str, ...]: ...
    @property
    def _labelvalues(self) -> tuple[str, ...]: ...
    @property
    def _unit(self) -> str: ...
    @property
    def _children(self) -> dict[tuple[str, ...], Self]: ...
    def __copy__(self) -> Self: ...

class Enum:
    """One of a few states, such as that of a job.

    The exposed name is namespace, subsystem and name, joined by `_`. Each of the `states` has a
    sample, which is 1 for the active one and 0 for the others. Its label has the name of the
    metric. At first, the first state is active.

    A metric with `labelnames` only holds children, one for each set of label values: see
    `labels()`. It holds at most `max_children` children, by default 10,000. All further label sets
    share one child whose labels are `__overflow__`.

    `registry=None` registers nowhere.

    All methods may be called from any thread. Raises `ValueError` if there is no state, if one
    occurs twice, or if there is a unit. Also raises it if the name is not a label name, or if a
    label or another metric of the registry has that name. Also for `max_children` without
    `labelnames`.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Iterable[str] = ...,
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: _Registry | None = ...,
        _labelvalues: Sequence[str] | None = None,
        states: Iterable[str] = ...,
        *,
        max_children: int | None = None,
    ) -> None: ...
    def state(self, state: str) -> None:
        """Sets the active state.

        Raises `ValueError` if there is no such state. Also raises it if the metric has label names,
        because then only its children have states.
        """

    def labels(self, *labelvalues: object, **labelkwargs: object) -> Self:
        """Returns the child with these label values.

        They are positional, in the order of `labelnames`, or by name. Values are converted with
        `str`. The first call with a set of values makes the child. Keep a child that is used often:
        the lookup costs more than an increment.
        """

    def remove(self, *labelvalues: object) -> None:
        """Removes the child with these label values, if there is one."""

    def remove_by_labels(self, labels: dict[str, Any]) -> None:
        """Removes the children whose labels have all values of this dict."""

    def clear(self) -> None:
        """Removes all children."""

    def collect(self) -> list[Metric]:
        """Returns a list of one `Metric`: this metric with its samples."""

    def describe(self) -> list[Metric]:
        """Returns a list of one `Metric`: this metric without samples."""

    @property
    def name(self) -> str:
        """The exposed name. It ends in `_total` for a counter, and in `_info` for an info."""

    @property
    def documentation(self) -> str:
        """The help text."""

    @property
    def _labelnames(self) -> tuple[str, ...]: ...
    @property
    def _labelvalues(self) -> tuple[str, ...]: ...
    @property
    def _unit(self) -> str: ...
    @property
    def _children(self) -> dict[tuple[str, ...], Self]: ...
    def __copy__(self) -> Self: ...

class Gauge:
    """A value that increases and decreases, or the value of a function.

    The exposed name is namespace, subsystem, name and unit, joined by `_`. A gauge with
    `labelnames` only holds children, one for each set of label values: see `labels()`. It holds at
    most `max_children` children, by default 10,000. All further label sets share one child whose
    labels are `__overflow__`.

    `registry=None` registers nowhere. `multiprocess_mode` sets how an exposition merges the gauges
    of processes that count together. Modes that begin with `live` include only running processes,
    the others also ended ones. With `all`, each value has a label `pid`. The value of an ended
    process stays until another process replaces it.

    All methods may be called from any thread. Raises `ValueError` if a name is not valid, or if
    another metric of the registry has it; also for `max_children` without `labelnames`.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Iterable[str] = ...,
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: _Registry | None = ...,
        _labelvalues: Sequence[str] | None = None,
        multiprocess_mode: str = "all",
        *,
        max_children: int | None = None,
    ) -> None: ...
    def set(self, value: float | str) -> None:
        """Sets the value to a number, or to a text that `float()` accepts."""

    def inc(self, amount: float = 1) -> None:
        """Adds `amount`."""

    def dec(self, amount: float = 1) -> None:
        """Subtracts `amount`."""

    def set_to_current_time(self) -> None:
        """Sets the value to the seconds since 1970."""

    def set_function(self, f: Callable[[], float]) -> None:
        """Makes the gauge return the value of `f`, which is called at each gather.

        After that, `set`, `inc` and `dec` have no effect. If `f` raises or returns no number, that
        gather skips the gauge. The logger `dataclay_metrics` logs the first of consecutive
        failures.
        """

    def track_inprogress(self) -> InprogressTracker:
        """Adds 1 while a `with` block or a decorated function runs.

        A decorated function may be `async def`.
        """

    def time(self) -> Timer:
        """Sets the value to the seconds that a `with` block or a decorated function takes.

        A decorated function may be `async def`.
        """

    def get(self) -> float:
        """Returns the value, or the function's value if one is set; NaN if the function fails."""

    def labels(self, *labelvalues: object, **labelkwargs: object) -> Self:
        """Returns the child with these label values.

        They are positional, in the order of `labelnames`, or by name. Values are converted with
        `str`. The first call with a set of values makes the child. Keep a child that is used often:
        the lookup costs more than an increment.
        """

    def remove(self, *labelvalues: object) -> None:
        """Removes the child with these label values, if there is one."""

    def remove_by_labels(self, labels: dict[str, Any]) -> None:
        """Removes the children whose labels have all values of this dict."""

    def clear(self) -> None:
        """Removes all children."""

    def collect(self) -> list[Metric]:
        """Returns a list of one `Metric`: this metric with its samples."""

    def describe(self) -> list[Metric]:
        """Returns a list of one `Metric`: this metric without samples."""

    @property
    def name(self) -> str:
        """The exposed name. It ends in `_total` for a counter, and in `_info` for an info."""

    @property
    def documentation(self) -> str:
        """The help text."""

    @property
    def _labelnames(self) -> tuple[str, ...]: ...
    @property
    def _labelvalues(self) -> tuple[str, ...]: ...
    @property
    def _unit(self) -> str: ...
    @property
    def _children(self) -> dict[tuple[str, ...], Self]: ...
    def __copy__(self) -> Self: ...

class Histogram:
    """Numbers such as durations or sizes, counted in buckets.

    The exposed name is namespace, subsystem, name and unit, joined by `_`. `buckets` are the upper
    bounds, in ascending order; a final bound of infinity is optional. The default bounds are
    `Histogram.DEFAULT_BUCKETS`, chosen for seconds. Count, sum and buckets of one exposition come
    from the same observations. Each bucket, explicit or native, takes 16 bytes for each thread that
    observes.

    `native_buckets` adds native buckets for the same observations, which only the protobuf format
    has. It is a tuple of schema, zero threshold and largest number. Schema 3 has eight buckets
    between a number and its double. `(3, 1e-6, 1e3)` suits seconds. `prometheus_client` has no such
    argument.

    A histogram with `labelnames` only holds children, one for each set of label values: see
    `labels()`. It holds at most `max_children` children, by default 10,000. All further label sets
    share one child whose labels are `__overflow__`.

    `registry=None` registers nowhere.

    All methods may be called from any thread. Raises `ValueError` if a name or a bound is not
    valid, or if a label is named `le`. Also if another metric of the registry has the name, and for
    `max_children` without `labelnames`.
    """

    DEFAULT_BUCKETS: Final[tuple[float, ...]]

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Iterable[str] = ...,
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: _Registry | None = ...,
        _labelvalues: Sequence[str] | None = None,
        buckets: Iterable[float | str] = ...,
        *,
        max_children: int | None = None,
        native_buckets: tuple[int, float, float] | None = None,
    ) -> None: ...
    @property
    def _bounds(self) -> list[float]: ...
    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Observes a number. Takes no lock.

        After NaN, the sum stays NaN. Raises `TypeError` if `amount` is not a number, and
        `ValueError` if the histogram has label names, because then only its children observe. An
        `exemplar` is a dict of labels, such as a trace id, with at most 128 characters together.
        OpenMetrics exposes the last one of each bucket. An exemplar takes a lock.
        """

    def time(self) -> Timer:
        """Observes the seconds that a `with` block or a decorated function takes.

        A decorated function may be `async def`.
        """

    def labels(self, *labelvalues: object, **labelkwargs: object) -> Self:
        """Returns the child with these label values.

        They are positional, in the order of `labelnames`, or by name. Values are converted with
        `str`. The first call with a set of values makes the child. Keep a child that is used often:
        the lookup costs more than an increment.
        """

    def remove(self, *labelvalues: object) -> None:
        """Removes the child with these label values, if there is one."""

    def remove_by_labels(self, labels: dict[str, Any]) -> None:
        """Removes the children whose labels have all values of this dict."""

    def clear(self) -> None:
        """Removes all children."""

    def collect(self) -> list[Metric]:
        """Returns a list of one `Metric`: this metric with its samples."""

    def describe(self) -> list[Metric]:
        """Returns a list of one `Metric`: this metric without samples."""

    @property
    def name(self) -> str:
        """The exposed name. It ends in `_total` for a counter, and in `_info` for an info."""

    @property
    def documentation(self) -> str:
        """The help text."""

    @property
    def _labelnames(self) -> tuple[str, ...]: ...
    @property
    def _labelvalues(self) -> tuple[str, ...]: ...
    @property
    def _unit(self) -> str: ...
    @property
    def _children(self) -> dict[tuple[str, ...], Self]: ...
    def __copy__(self) -> Self: ...

class Info:
    """Facts about the process, such as a version: the labels of a gauge that is always 1.

    The exposed name is namespace, subsystem and name, joined by `_`, with `_info` at its end. An
    info with `labelnames` only holds children, one for each set of label values: see `labels()`. It
    holds at most `max_children` children, by default 10,000. All further label sets share one child
    whose labels are `__overflow__`.

    `registry=None` registers nowhere.

    All methods may be called from any thread. Raises `ValueError` if a name is not valid, or if
    another metric of the registry has it; also for `max_children` without `labelnames`.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Iterable[str] = ...,
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: _Registry | None = ...,
        _labelvalues: Sequence[str] | None = None,
        *,
        max_children: int | None = None,
    ) -> None: ...
    def info(self, val: dict[str, str]) -> None:
        """Replaces the facts by a dict of label names and values."""

    def labels(self, *labelvalues: object, **labelkwargs: object) -> Self:
        """Returns the child with these label values.

        They are positional, in the order of `labelnames`, or by name. Values are converted with
        `str`. The first call with a set of values makes the child. Keep a child that is used often:
        the lookup costs more than an increment.
        """

    def remove(self, *labelvalues: object) -> None:
        """Removes the child with these label values, if there is one."""

    def remove_by_labels(self, labels: dict[str, Any]) -> None:
        """Removes the children whose labels have all values of this dict."""

    def clear(self) -> None:
        """Removes all children."""

    def collect(self) -> list[Metric]:
        """Returns a list of one `Metric`: this metric with its samples."""

    def describe(self) -> list[Metric]:
        """Returns a list of one `Metric`: this metric without samples."""

    @property
    def name(self) -> str:
        """The exposed name. It ends in `_total` for a counter, and in `_info` for an info."""

    @property
    def documentation(self) -> str:
        """The help text."""

    @property
    def _labelnames(self) -> tuple[str, ...]: ...
    @property
    def _labelvalues(self) -> tuple[str, ...]: ...
    @property
    def _unit(self) -> str: ...
    @property
    def _children(self) -> dict[tuple[str, ...], Self]: ...
    def __copy__(self) -> Self: ...

class Summary:
    """The count and the sum of numbers such as durations. It has no quantiles.

    The exposed name is namespace, subsystem, name and unit, joined by `_`. Count and sum of one
    exposition come from the same observations.

    A summary with `labelnames` only holds children, one for each set of label values: see
    `labels()`. It holds at most `max_children` children, by default 10,000. All further label sets
    share one child whose labels are `__overflow__`.

    `registry=None` registers nowhere.

    All methods may be called from any thread. Raises `ValueError` if a name is not valid, or if a
    label is named `quantile`. Also if another metric of the registry has the name, and for
    `max_children` without `labelnames`.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Iterable[str] = ...,
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: _Registry | None = ...,
        _labelvalues: Sequence[str] | None = None,
        *,
        max_children: int | None = None,
    ) -> None: ...
    def observe(self, amount: float) -> None:
        """Observes a number. Takes no lock.

        After NaN, the sum stays NaN. Raises `TypeError` if `amount` is not a number, and
        `ValueError` if the summary has label names, because then only its children observe.
        """

    def time(self) -> Timer:
        """Observes the seconds that a `with` block or a decorated function takes.

        A decorated function may be `async def`.
        """

    def labels(self, *labelvalues: object, **labelkwargs: object) -> Self:
        """Returns the child with these label values.

        They are positional, in the order of `labelnames`, or by name. Values are converted with
        `str`. The first call with a set of values makes the child. Keep a child that is used often:
        the lookup costs more than an increment.
        """

    def remove(self, *labelvalues: object) -> None:
        """Removes the child with these label values, if there is one."""

    def remove_by_labels(self, labels: dict[str, Any]) -> None:
        """Removes the children whose labels have all values of this dict."""

    def clear(self) -> None:
        """Removes all children."""

    def collect(self) -> list[Metric]:
        """Returns a list of one `Metric`: this metric with its samples."""

    def describe(self) -> list[Metric]:
        """Returns a list of one `Metric`: this metric without samples."""

    @property
    def name(self) -> str:
        """The exposed name. It ends in `_total` for a counter, and in `_info` for an info."""

    @property
    def documentation(self) -> str:
        """The help text."""

    @property
    def _labelnames(self) -> tuple[str, ...]: ...
    @property
    def _labelvalues(self) -> tuple[str, ...]: ...
    @property
    def _unit(self) -> str: ...
    @property
    def _children(self) -> dict[tuple[str, ...], Self]: ...
    def __copy__(self) -> Self: ...

@final
class ProcessCollector:
    """The `process_*` families: CPU time, memory, file descriptors, threads and start time.

    They describe this process. With `pid`, a function that is called at each collection, they
    describe the process whose id it returns, or this process if it returns `self`. A process that
    does not exist exposes nothing. The names begin with `namespace`. `proc` is the path of `/proc`,
    such as that of the host in a container. Linux only.

    `REGISTRY` has the collector of this process, `PROCESS_COLLECTOR`. Raises `ValueError` if an
    argument is not valid.
    """

    def __new__(
        cls,
        namespace: str = "",
        pid: Callable[[], int | str] | None = None,
        proc: str = "/proc",
        registry: _Registry | None = ...,
    ) -> ProcessCollector: ...
    def collect(self) -> list[Metric]:
        """Returns the families as a list of `Metric`."""

@final
class PlatformCollector:
    """The family `python_info`, which describes the interpreter.

    Tests may pass `platform` in place of the module of that name. `REGISTRY` has one,
    `PLATFORM_COLLECTOR`.
    """

    def __new__(
        cls, registry: _Registry | None = ..., platform: Any = None
    ) -> PlatformCollector: ...
    def collect(self) -> list[Metric]:
        """Returns the families as a list of `Metric`."""

@final
class GCCollector:
    """The families `python_gc_*`, which describe the garbage collector by generation.

    `REGISTRY` has one, `GC_COLLECTOR`.
    """

    def __new__(cls, registry: _Registry | None = ...) -> GCCollector: ...
    def collect(self) -> list[Metric]:
        """Returns the families as a list of `Metric`."""

@final
class MultiProcessCollector:
    """The metrics of all processes that count in one directory, including those that have ended.

    The directory is `path`, or by default the value of `DATACLAY_METRICS_DIR` or
    `PROMETHEUS_MULTIPROC_DIR`. `registry=None` registers nowhere.

    Raises `ValueError` if neither is set, or if `path` is not a directory.
    """

    def __new__(
        cls, registry: _Registry | None, path: str | PathLike[str] | None = None
    ) -> MultiProcessCollector: ...
    def collect(self) -> list[Metric]:
        """Returns the families as a list of `Metric`."""

def enable_created_metrics() -> None:
    """Exposes the start times of counters, histograms and summaries, as samples `_created`.

    Off by default, because they double the series of counters. The variable
    `PROMETHEUS_DISABLE_CREATED_SERIES` with the value `false` has the same effect.
    """

def disable_created_metrics() -> None:
    """Exposes only the `_created` samples that custom collectors yield."""

def generate_latest(
    registry: _Collector = ...,
    escaping: str = "underscores",
    *,
    format: Literal["text", "openmetrics", "protobuf"] = "text",
) -> bytes:
    """Returns the metrics of `registry` in the Prometheus text format 0.0.4, or in another format.

    `format` is `"text"`, `"openmetrics"` (1.0) or `"protobuf"`. `"protobuf"` consists of delimited
    messages `io.prometheus.client.MetricFamily`, with the start times of counters, histograms and
    summaries. `escaping` sets how to write names that Prometheus did not accept before version 3:
    `underscores`, `allow-utf-8`, `dots` or `values`. Raises `ValueError` for any other `format` or
    `escaping`.

    A collector, a sample or a gauge function that fails is skipped and logged. If no sample is
    left, raises the first of their exceptions.
    """

def encode(
    registry: _Collector, escaping: str, format: Literal["text", "openmetrics", "protobuf"]
) -> bytes:
    """Returns what `generate_latest()` returns, for a response or a file. It is empty where
    `generate_latest()` raises the exception of a collector.
    """

def content_type(format: str) -> str:
    """Returns the Content-Type of a `format` of `generate_latest()`."""

def negotiate(
    accept: str, accept_encoding: str
) -> tuple[Literal["text", "openmetrics", "protobuf"], str, str, bool]:
    """Returns the `format` and the `escaping` of `generate_latest()` that the headers of a request
    prefer.

    Also returns their Content-Type, and whether the response may be compressed with gzip.
    """

def get_legacy_validation() -> bool:
    """Returns whether only legacy names are accepted."""

def set_legacy_validation(legacy: bool) -> None:
    """Sets whether new metrics may only have legacy names."""

def close_to_threads() -> None:
    """Closes the interpreter to this library's threads, at exit, when every exporter has stopped.

    Writes waiting log lines first. Waits at most half a second for them, and as long for the
    threads that are inside.
    """

def follow_loop() -> bool:
    """Sends later calls to the loop of gevent or eventlet on the calling thread, if one runs there.
    Returns whether greenlets of the application switch on this thread.
    """

def is_loop_thread() -> bool:
    """Returns whether greenlets of the application switch on this thread."""

def before_fork() -> None:
    """Ends the exporters' threads, before a fork."""

def after_fork_in_parent() -> None:
    """Resumes the exporters, after a fork, in the parent.

    CPython 3.13 counts the threads only after this hook. On the main thread the exporters therefore
    resume in a pending call, which runs when `os.fork` has returned to bytecode. This hook must not
    be bytecode itself. On any other thread a pending call might never run, because the main thread
    may be blocked. In that case the warning is correct anyway, because a second thread exists.
    """

def after_fork_in_child() -> None:
    """Starts the exporters again, after a fork, in the child."""

def keep_role_metrics(service_name: str) -> None:
    """Keeps the dataClay metrics that `service_name` exports, and removes the others from the
    default registry.

    Raises `ValueError` unless it is backend, client, metadata or proxy.
    """

def gateway_request(
    method: str,
    gateway: str,
    job: str,
    registry: _Collector,
    grouping_key: dict[str, str],
    timeout: float,
    format: str = "text",
) -> None:
    """Sends one request to a Pushgateway, within `timeout` seconds.

    PUT replaces a group by the metrics of `registry`. POST replaces the families that the registry
    has. DELETE deletes the group. Raises `OSError` if the gateway cannot be reached or refuses, and
    `ValueError` if the gateway, the job or the grouping key is not valid.
    """

def push_body(registry: CollectorRegistry, format: str) -> bytes:
    """Returns the body of a push: `registry` as text or protobuf, without timestamps, which
    gateways refuse.
    """

def grouping_path(job: str, labels: dict[str, str]) -> str:
    """Returns the path of a group in the URL of a Pushgateway."""

@final
class LastPush:
    """One push when the process ends, to the group of `settings`.

    Raises `ValueError` if the address of the gateway is not valid.
    """

    def __new__(cls, gateway: str, settings: Settings) -> LastPush: ...
    def push(self, registry: _Collector, timeout: float) -> None:
        """Pushes the metrics of `registry`, within `timeout` seconds. Raises `OSError` if that
        fails.
        """

    @property
    def url(self) -> str:
        """The URL of the group."""

def start_exporter(
    registry: CollectorRegistry, settings: Settings
) -> HttpExporter | PushExporter | None:
    """Starts the exporter that `settings` choose, and returns it; None if they choose none.

    The scrape endpoint listens on the first free one of the 100 ports from that of the settings.
    Raises `OSError` if none can be bound, and `ValueError` if the address to push to is not valid.
    """

def default_instance() -> str:
    """Returns the default instance of a process: `host:pid`."""

@final
class HttpExporter:
    """Serves a registry over HTTP from construction until `stop()`.

    Raises `OSError` if the address cannot be bound, and `OverflowError` if the port is not 0 to
    65535.
    """

    def __new__(cls, registry: _Collector, addr: str, port: int) -> HttpExporter: ...
    def stop(self) -> None:
        """Closes the socket and ends the thread, in bounded time. A second call does nothing."""

    def shutdown(self) -> None:
        """Stops the exporter, for `server, thread = start_http_server(...)`."""

    def server_close(self) -> None:
        """Stops the exporter."""

    def join(self, timeout: float | None = None) -> None:
        """Blocks until the exporter is stopped, or for `timeout` seconds."""

    def is_alive(self) -> bool:
        """Returns whether it runs, as the thread of `prometheus_client` does."""

    @property
    def server_address(self) -> tuple[str, int]:
        """The host and the port, as in the server of `prometheus_client`."""

    @property
    def server_port(self) -> int:
        """The port, as in the server of `prometheus_client`."""

    def __iter__(self) -> Iterator[HttpExporter]:
        """Yields this exporter twice, for ``server, thread = start_http_server(...)``."""

    @property
    def is_listening(self) -> bool:
        """Whether this process listens. If not, another process that shares its segment listens."""

    @property
    def host(self) -> str:
        """The address on which it, or the process that shares its segment, listens."""

    @property
    def port(self) -> int:
        """The port on which it, or the process that shares its segment, listens."""

    @property
    def url(self) -> str:
        """The URL of the metrics."""

@disjoint_base
class PushExporter:
    """Pushes a registry to a Pushgateway, or by OTLP, at intervals, until `stop()`.

    Its thread makes the first push at once. The constructor does not wait for the server.
    """

    def stop(self, timeout: float = 2.0, *, delete: bool = False) -> None:
        """Makes a last push and ends the thread, within `timeout` seconds.

        With `delete` it deletes the group instead. A second call does nothing. Raises `OSError` if
        the last push failed. Even then the thread has ended.
        """

    @property
    def has_pushed(self) -> bool:
        """Whether the server has accepted a push of this process, or of one in its group."""

    @property
    def url(self) -> str:
        """The URL that it pushes to."""

class OtlpExporter(PushExporter):
    """Sends a registry to an OTLP endpoint at intervals, until `stop()`."""

    def __new__(
        cls,
        registry: _Collector,
        endpoint: str,
        service: str,
        instance: str,
        interval: float,
        timeout: float,
        headers: dict[str, str],
        resource: dict[str, str],
        gzip: bool,
        certificates: tuple[str | None, str | None, str | None],
    ) -> Self: ...

@final
class Segments:
    """The segments of a directory, which may not exist yet."""

    def __new__(cls, directory: str | PathLike[str]) -> Segments: ...
    def read(self) -> tuple[list[Segment], list[str]]:
        """Returns the existing segments, by name, and the reasons why others cannot be read."""

    def text(self) -> str:
        """Returns the series of all segments in OpenMetrics, each with its `job` and `instance`."""

    def serve(self, host: str, port: int) -> HttpExporter:
        """Serves the series of all segments over HTTP, each with its `job` and `instance`.

        Raises `OSError` if the address cannot be bound.
        """

@final
class Segment:
    """A segment in which other processes count."""

    @property
    def job(self) -> str:
        """The job of its processes."""

    @property
    def instance(self) -> str:
        """The instance under which its processes export."""

    @property
    def service(self) -> str | None:
        """The label `service` under which they export, if they have one."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def size(self) -> int:
        """The bytes of RAM that the file takes."""

    @property
    def series(self) -> int:
        """The number of series."""

    @property
    def processes(self) -> int:
        """The number of live processes that count in it."""

    @property
    def damaged(self) -> int:
        """The number of damaged records that were skipped."""

    def text(self) -> str:
        """Returns its series in OpenMetrics."""

    def push(
        self, gateway: str, interval: float, timeout: float, format: Literal["text", "protobuf"]
    ) -> bool:
        """Pushes its series to the group of its processes, unless one of them is pushing or has
        pushed within `interval` seconds. Returns whether it has pushed. `format` is `text` or
        `protobuf`.

        Raises `OSError` if the push fails, and `ValueError` for a wrong address.
        """

    def delete(self) -> None:
        """Deletes the file, and its counts with it. Raises `OSError` if that fails."""

def auto_segment_directory(runtime: str | PathLike[str] | None = None) -> Path:
    """Returns the directory that `auto` means for this value of `XDG_RUNTIME_DIR`."""

@final
class Settings:
    """The values of the `DATACLAY_METRICS*` variables, checked; `docs/settings.md` lists them.

    A wrong value raises `ValueError` with one line: the variable, its value and the rule.
    """

    @staticmethod
    def from_variables(variables: Mapping[str, str]) -> Settings:
        """Reads `variables` instead of the environment."""

    @staticmethod
    def from_env() -> Settings:
        """Reads the environment of this process."""

    def for_service(
        self, service: str, instance: str, shared_instance: str | None = None, port: int = ...
    ) -> Settings:
        """Returns the same settings for a service. `instance` is used unless a variable sets
        another one.

        With a segment, processes that count together use `shared_instance`. Without it, the process
        is the only one of its identity. `port` is the first one tried, unless a variable sets it.
        """

    @property
    def last_push_timeout(self) -> float | None:
        """The seconds that the last push may take; None if no variable sets it."""

    def request_segment(self) -> None:
        """Requests the segment of these settings, if they name one, before this process counts.

        Raises `ValueError` if the process has already counted, or has requested another segment.
        """

    @property
    def enabled(self) -> bool | None:
        """Whether to export; None if the variable is not set."""

    @property
    def exporter(self) -> Literal["http", "pushgateway", "otlp", "none"]:
        """`http`, `pushgateway`, `otlp` or `none`."""

    @property
    def port(self) -> int:
        """The port to listen on, or the port of the gateway."""

    @property
    def address(self) -> str:
        """Host and port to listen on, or of the gateway."""

    @property
    def push_format(self) -> Literal["text", "protobuf"]:
        """The format of pushes: `text` or `protobuf`."""

    @property
    def push_interval(self) -> float:
        """The seconds between two pushes."""

    @property
    def job(self) -> str:
        """The label `job` of pushed metrics."""

    @property
    def on_exit(self) -> Literal["keep", "delete"]:
        """`keep` or `delete`."""

    @property
    def identity(self) -> dict[str, str]:
        """The labels of the group that this process pushes to, except `job`."""

def one_line(text: str) -> str:
    """Returns a text on one line, as errors and log lines show it, without control characters."""

def without_secrets(address: str) -> str:
    """Returns an address as errors and log lines may show it, without credentials and query."""
