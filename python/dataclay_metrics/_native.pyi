"""The part of dataclay_metrics that is written in Rust. Private: import ``dataclay_metrics``."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Literal, Protocol, TypeVar, final

from .client.families import Metric

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
    "GCCollector",
    "Gauge",
    "HttpExporter",
    "Info",
    "PlatformCollector",
    "ProcessCollector",
    "PushExporter",
    "Settings",
    "__version__",
    "after_fork_in_child",
    "after_fork_in_parent",
    "before_fork",
    "close_to_threads",
    "dataclay_inmemory_hits_total",
    "dataclay_inmemory_misses_total",
    "dataclay_inmemory_objects",
    "dataclay_loaded_objects",
    "dataclay_stored_objects",
    "gateway_request",
    "generate_latest",
    "group_url",
    "grouping_path",
    "negotiate",
    "select_role",
]

_Decorated = TypeVar("_Decorated", bound=Callable[..., object])

class _Collector(Protocol):
    def collect(self) -> Iterable[Metric]: ...

class _Around(Protocol):
    """A context manager that is also a decorator."""

    def __enter__(self) -> object: ...
    def __exit__(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    def __call__(self, f: _Decorated, /) -> _Decorated: ...

__version__: Final[str]

CONTENT_TYPE_LATEST: Final[str]
"""The Content-Type of what generate_latest() returns: Prometheus text format 0.0.4."""

CONTENT_TYPE_PLAIN_0_0_4: Final[str]
"""The Content-Type of the Prometheus text format 0.0.4."""

CONTENT_TYPE_PLAIN_1_0_0: Final[str]
"""The Content-Type of the Prometheus text format 1.0.0, which this package does not write."""

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

@final
class CollectorRegistry:
    """A set of metrics and custom collectors with distinct names, gathered together.

    ``auto_describe`` has a custom collector without a method ``describe()`` collected when it is
    registered, to learn its names. ``target_info`` are labels of the process, exposed as the metric
    ``target_info``. All methods may be called from any thread.
    """

    def __new__(
        cls,
        auto_describe: bool = False,
        target_info: dict[str, str] | None = None,
        support_collectors_without_names: bool = False,
    ) -> CollectorRegistry: ...
    def register(self, collector: _Collector) -> None:
        """Adds a metric, or any object with a method ``collect()`` that returns ``Metric``s.

        Raises DuplicateTimeseries, a ValueError that names both, if one of the same name is
        registered already; TypeError if it has no ``collect()``.
        """

    def unregister(self, collector: _Collector) -> None:
        """Removes a metric or a collector; a metric keeps its value.

        Raises KeyError if it is not registered here.
        """

    def collect(self) -> Iterator[Metric]:
        """Every ``Metric`` that is registered, with its samples.

        A custom collector that raises is left out, and the logger ``dataclay_metrics`` says so.
        """

    def restricted_registry(self, names: Iterable[str]) -> CollectorRegistry:
        """A registry that collects of this one only the samples with these names."""

    def get_sample_value(self, name: str, labels: dict[str, str] | None = None) -> float | None:
        """The value of the sample with this name and exactly these labels, or None.

        For tests: it collects everything.
        """

    def set_target_info(self, labels: dict[str, str] | None) -> None:
        """Has the labels of ``target_info`` be these; None or an empty dict removes it."""

    def get_target_info(self) -> dict[str, str] | None:
        """The labels of ``target_info``, or None."""

@final
class Counter:
    """A value that only goes up.

    The exposed name is namespace, subsystem, name and unit, joined by ``_``, with ``_total`` at its
    end. A counter with ``labelnames`` has a child, which counts, for each set of label values: see
    labels(). If the registry has the same metric already, that one is returned, so a module may be
    reloaded; ``registry=None`` registers nowhere.

    All methods may be called from any thread. Raises ValueError if a name is not valid, or is taken
    in the registry by another metric.
    """

    def __new__(
        cls,
        name: str,
        documentation: str,
        labelnames: Iterable[str] = ...,
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: CollectorRegistry | None = ...,
        *,
        max_children: int | None = None,
    ) -> Counter: ...
    def inc(self, amount: float = 1) -> None:
        """Adds ``amount``: an int is counted exactly.

        Raises ValueError if it is negative, NaN or infinite, or if the metric has label names: then
        its children count.
        """

    def get(self) -> float:
        """The sum of all increments: an int as long as only whole amounts were added.

        Exact once the incrementing threads are joined, and never smaller than a value that the
        same thread has read before.
        """

    def count_exceptions(
        self, exception: type[BaseException] | tuple[type[BaseException], ...] = ...
    ) -> _Around:
        """Counts the exceptions of one type, or of a tuple of types, that leave a block or function.

        ``with c.count_exceptions():``, or as a decorator, of ``async def`` as well.
        """

    def labels(self, *labelvalues: object, **labelkwargs: object) -> Counter:
        """The child with these label values, positional in the order of ``labelnames``, or by name.

        Values are turned into str. A child is made at zero when it is first asked for. Hold it
        where it is counted often.
        """

    def remove(self, *labelvalues: object) -> None:
        """Exposes the child with these label values no longer; nothing happens if there is none."""

    def remove_by_labels(self, labels: dict[str, Any]) -> None:
        """Exposes no longer the children whose labels have all the values of this dict."""

    def clear(self) -> None:
        """Exposes none of the children any longer."""

    def collect(self) -> list[Metric]:
        """The metric as a list of one ``Metric``, with its samples."""

    def describe(self) -> list[Metric]:
        """The same without samples."""

    @property
    def name(self) -> str:
        """The exposed name, ``_total`` included."""

    @property
    def documentation(self) -> str:
        """The HELP text."""

@final
class Gauge:
    """A value that goes up and down, or that a function gives.

    The exposed name is namespace, subsystem, name and unit, joined by ``_``. A gauge with
    ``labelnames`` has a child, which has a value, for each set of label values: see labels(). If
    the registry has the same metric already, that one is returned, so a module may be reloaded;
    ``registry=None`` registers nowhere. ``multiprocess_mode`` is checked, and means nothing here.

    All methods may be called from any thread. Raises ValueError if a name is not valid, or is taken
    in the registry by another metric.
    """

    def __new__(
        cls,
        name: str,
        documentation: str,
        labelnames: Iterable[str] = ...,
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: CollectorRegistry | None = ...,
        multiprocess_mode: str = "all",
        *,
        max_children: int | None = None,
    ) -> Gauge: ...
    def set(self, value: float) -> None:
        """Sets the value, whatever it was."""

    def inc(self, amount: float = 1) -> None:
        """Adds ``amount``."""

    def dec(self, amount: float = 1) -> None:
        """Subtracts ``amount``."""

    def set_to_current_time(self) -> None:
        """Sets the value to the seconds since 1970."""

    def set_function(self, f: Callable[[], float]) -> None:
        """Has ``f`` give the value from now on, called whenever the gauge is gathered.

        ``set``, ``inc`` and ``dec`` no longer show. If ``f`` raises or returns no number, the gauge
        is left out of that gather, and the logger ``dataclay_metrics`` says so once until it works
        again.
        """

    def track_inprogress(self) -> _Around:
        """Adds 1 while a block or function runs.

        ``with g.track_inprogress():``, or as a decorator, of ``async def`` as well.
        """

    def time(self) -> _Around:
        """Sets the value to the seconds that a block or function takes.

        ``with g.time():``, or as a decorator, of ``async def`` as well.
        """

    def get(self) -> float:
        """The current value; that of the function if there is one, NaN if that gives none."""

    def labels(self, *labelvalues: object, **labelkwargs: object) -> Gauge:
        """The child with these label values, positional in the order of ``labelnames``, or by name.

        Values are turned into str. A child is made at zero when it is first asked for.
        """

    def remove(self, *labelvalues: object) -> None:
        """Exposes the child with these label values no longer; nothing happens if there is none."""

    def remove_by_labels(self, labels: dict[str, Any]) -> None:
        """Exposes no longer the children whose labels have all the values of this dict."""

    def clear(self) -> None:
        """Exposes none of the children any longer."""

    def collect(self) -> list[Metric]:
        """The metric as a list of one ``Metric``, with its samples."""

    def describe(self) -> list[Metric]:
        """The same without samples."""

    @property
    def name(self) -> str:
        """The exposed name."""

    @property
    def documentation(self) -> str:
        """The HELP text."""

@final
class Info:
    """Facts about the process, such as the version of what it runs: the labels of a gauge that is 1.

    The exposed name is namespace, subsystem and name, joined by ``_``, with ``_info`` at its end.
    Use info() to say the facts. Raises ValueError if a name is not valid, or taken in the registry
    by another metric.
    """

    def __new__(
        cls,
        name: str,
        documentation: str,
        labelnames: Iterable[str] = ...,
        namespace: str = "",
        subsystem: str = "",
        unit: str = "",
        registry: CollectorRegistry | None = ...,
        *,
        max_children: int | None = None,
    ) -> Info: ...
    def info(self, val: dict[str, str]) -> None:
        """Says the facts, a dict of label name to value; those said before are forgotten."""

    def labels(self, *labelvalues: object, **labelkwargs: object) -> Info:
        """The child with these label values, positional in the order of ``labelnames``, or by name.

        Values are turned into str. A child has no facts when it is first asked for.
        """

    def remove(self, *labelvalues: object) -> None:
        """Exposes the child with these label values no longer; nothing happens if there is none."""

    def remove_by_labels(self, labels: dict[str, Any]) -> None:
        """Exposes no longer the children whose labels have all the values of this dict."""

    def clear(self) -> None:
        """Exposes none of the children any longer."""

    def collect(self) -> list[Metric]:
        """The metric as a list of one ``Metric``, with its samples."""

    def describe(self) -> list[Metric]:
        """The same without samples."""

    @property
    def name(self) -> str:
        """The exposed name, ``_info`` included."""

    @property
    def documentation(self) -> str:
        """The HELP text."""

@final
class ProcessCollector:
    """The ``process_*`` families: CPU time, memory, file descriptors, threads and start time.

    Of this process, or of that whose number ``pid`` returns (or ``self``) whenever it is collected;
    on Linux. ``namespace`` begins the names. ``proc`` can only be ``/proc``. Raises ValueError if
    one of them is not valid. ``REGISTRY`` has the collector of this process, ``PROCESS_COLLECTOR``.
    """

    def __new__(
        cls,
        namespace: str = "",
        pid: Callable[[], int | str] | None = None,
        proc: str = "/proc",
        registry: CollectorRegistry | None = ...,
    ) -> ProcessCollector: ...
    def collect(self) -> list[Metric]:
        """The families, now."""

@final
class PlatformCollector:
    """The family ``python_info``: which Python this is.

    ``REGISTRY`` has one, ``PLATFORM_COLLECTOR``.
    """

    def __new__(cls, registry: CollectorRegistry | None = ...) -> PlatformCollector: ...
    def collect(self) -> list[Metric]:
        """The families, now."""

@final
class GCCollector:
    """The families ``python_gc_*``: what the garbage collector did, by generation.

    ``REGISTRY`` has one, ``GC_COLLECTOR``.
    """

    def __new__(cls, registry: CollectorRegistry | None = ...) -> GCCollector: ...
    def collect(self) -> list[Metric]:
        """The families, now."""

def generate_latest(
    registry: _Collector = ...,
    escaping: str = "underscores",
    *,
    format: Literal["text", "openmetrics"] = "text",
) -> bytes:
    """The metrics of ``registry`` in the Prometheus text format 0.0.4, or in OpenMetrics 1.0.

    ``escaping`` is that of prometheus_client; names that would need any are refused when a metric is
    made, so all four ways give the same. Raises ValueError if one of the two is not known.
    """

def negotiate(
    accept: str, accept_encoding: str
) -> tuple[Literal["text", "openmetrics"], str, bool]:
    """What the headers of a request want.

    The format, its Content-Type, and whether the answer may be compressed with gzip.
    """

def close_to_threads() -> None:
    """At exit: from now on no thread of ours enters the interpreter; waits for those inside."""

def before_fork() -> None:
    """Before a fork: ends the exporters' threads."""

def after_fork_in_parent() -> None:
    """After a fork, in the parent: the exporters go on.

    On the main thread once ``os.fork`` has returned: CPython 3.13 counts the threads before that.
    """

def after_fork_in_child() -> None:
    """After a fork, in the child: the exporters start anew."""

def select_role(service_name: str) -> None:
    """Leaves in ``REGISTRY`` those of the five dataClay metrics that ``service_name`` exports.

    Raises ValueError unless it is backend, client, metadata or proxy.
    """

def gateway_request(
    method: str,
    gateway: str,
    job: str,
    registry: _Collector,
    grouping_key: dict[str, str],
    timeout: float,
) -> None:
    """Sends one request to a Pushgateway.

    PUT replaces a group by what ``registry`` holds, POST replaces the families that it holds, DELETE
    deletes the group. ``timeout`` bounds it, in seconds. Raises OSError if the gateway cannot be
    reached or refuses, ValueError if the gateway, the job or the grouping key is not valid.
    """

def group_url(gateway: str, job: str, grouping_key: dict[str, str]) -> str:
    """The URL of a group on a Pushgateway. Nothing is sent.

    Raises ValueError if the gateway, the job or the grouping key is not valid.
    """

def grouping_path(job: str, labels: dict[str, str]) -> str:
    """The path of a group in the URL of a Pushgateway."""

@final
class HttpExporter:
    """Serves a registry over HTTP from construction until stop().

    Raises OSError if the address cannot be bound, OverflowError if the port is not 0 to 65535.
    """

    def __new__(
        cls, registry: CollectorRegistry, host: str, port: int, *, nearby: bool = False
    ) -> HttpExporter: ...
    def stop(self) -> None:
        """Closes the socket and ends the thread, in bounded time. A second call does nothing."""

    def shutdown(self) -> None:
        """The same, for those who unpack ``server, thread = start_http_server(...)``."""

    def server_close(self) -> None:
        """The same."""

    def join(self, timeout: float | None = None) -> None:
        """Waits until it is stopped, or for ``timeout`` seconds."""

    def __iter__(self) -> Iterator[HttpExporter]:
        """``server, thread = start_http_server(...)``: both are this exporter."""

    @property
    def host(self) -> str:
        """The address it listens on."""

    @property
    def port(self) -> int:
        """The real port, also when 0 was asked for."""

    @property
    def url(self) -> str:
        """Where the metrics are, ``/metrics`` included."""

@final
class PushExporter:
    """Pushes a registry every ``interval`` seconds from construction until stop().

    The first push is made at once, by the thread: construction never waits for the gateway.
    """

    def __new__(
        cls,
        registry: CollectorRegistry,
        gateway: str,
        job: str,
        grouping_key: dict[str, str] | None,
        interval: float,
    ) -> PushExporter: ...
    def stop(self, timeout: float = 2.0, *, delete: bool = False) -> None:
        """Pushes a last time and ends the thread, in ``timeout`` seconds. Once only.

        With ``delete`` it deletes the group instead of pushing.

        Raises OSError if the last push failed; the thread has ended all the same.
        """

    @property
    def url(self) -> str:
        """The URL of the group it pushes to."""

@final
class Settings:
    """What the DATACLAY_METRICS* variables say, validated.

    Arguments stand for the variables of their name; those not given have their defaults, whatever
    the environment says. Raises ValueError for a wrong value, in one line: the variable, its value
    and the rule.
    """

    def __new__(
        cls,
        *,
        exporter: str | None = None,
        host: str | None = None,
        port: int | None = None,
        push_interval: float | None = None,
        job: str | None = None,
        instance: str | None = None,
        on_exit: str | None = None,
    ) -> Settings: ...
    @staticmethod
    def from_variables(variables: Mapping[str, str]) -> Settings:
        """Reads ``variables`` as if they were the environment."""

    @staticmethod
    def from_env() -> Settings:
        """Reads the environment of this process, as ``os.environ`` has it."""

    @property
    def enabled(self) -> bool | None:
        """DATACLAY_METRICS; None if it is not set."""

    @property
    def exporter(self) -> Literal["http", "pushgateway", "none"]:
        """DATACLAY_METRICS_EXPORTER."""

    @property
    def host(self) -> str:
        """DATACLAY_METRICS_HOST: where to listen, or where the Pushgateway is."""

    @property
    def port(self) -> int:
        """DATACLAY_METRICS_PORT; 8000, or 9091 for the Pushgateway, if it is not set."""

    @property
    def address(self) -> str:
        """Host and port as one address, an IPv6 host in brackets."""

    @property
    def push_interval(self) -> float:
        """DATACLAY_METRICS_PUSH_INTERVAL, in seconds."""

    @property
    def job(self) -> str:
        """DATACLAY_METRICS_JOB."""

    @property
    def on_exit(self) -> Literal["keep", "delete"]:
        """DATACLAY_METRICS_ON_EXIT."""

    @property
    def instance(self) -> str | None:
        """DATACLAY_METRICS_INSTANCE; None if it is not set."""
