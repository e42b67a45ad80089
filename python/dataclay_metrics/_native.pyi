"""The part of dataclay_metrics that is written in Rust. Private: import ``dataclay_metrics``."""

from collections.abc import Callable
from typing import Final, Literal, final

__all__ = [
    "CONTENT_TYPE_LATEST",
    "REGISTRY",
    "CollectorRegistry",
    "Counter",
    "Gauge",
    "HttpExporter",
    "PushExporter",
    "Settings",
    "__version__",
    "after_fork_in_child",
    "after_fork_in_parent",
    "before_fork",
    "dataclay_inmemory_hits_total",
    "dataclay_inmemory_misses_total",
    "dataclay_inmemory_objects",
    "dataclay_loaded_objects",
    "dataclay_stored_objects",
    "generate_latest",
    "push",
    "select_role",
]

__version__: Final[str]

CONTENT_TYPE_LATEST: Final[str]
"""The Content-Type of what generate_latest() returns: Prometheus text format 0.0.4."""

REGISTRY: Final[CollectorRegistry]
"""The default registry: the five dataClay metrics and the process_* families."""

dataclay_inmemory_objects: Final[Gauge]
dataclay_loaded_objects: Final[Gauge]
dataclay_stored_objects: Final[Gauge]
dataclay_inmemory_misses_total: Final[Counter]
dataclay_inmemory_hits_total: Final[Counter]

@final
class CollectorRegistry:
    """A set of metrics with distinct names, gathered together."""

    def __new__(cls) -> CollectorRegistry: ...
    def register(self, collector: Counter | Gauge) -> None:
        """Adds a metric.

        Raises ValueError, naming both metrics, if one of the same name is registered already.
        """

    def unregister(self, collector: Counter | Gauge) -> None:
        """Removes a metric; it keeps its value. Raises KeyError if it is not registered here."""

@final
class Counter:
    """A value that only goes up.

    The name gets ``_total`` appended unless it ends so. ``registry=None`` registers nowhere.

    Raises ValueError if the name is not valid or already taken in the registry.
    """

    def __new__(
        cls, name: str, documentation: str, *, registry: CollectorRegistry | None = ...
    ) -> Counter: ...
    def inc(self, amount: float = 1) -> None:
        """Adds ``amount``. Raises ValueError if it is negative, NaN or infinite."""

    def get(self) -> float:
        """The sum of all increments: an int as long as only whole amounts were added.

        Exact once the incrementing threads are joined, and never smaller than a value that the
        same thread has read before.
        """

    @property
    def name(self) -> str:
        """The exposed name, ``_total`` included."""

    @property
    def documentation(self) -> str:
        """The HELP text."""

@final
class Gauge:
    """A value that goes up and down. ``registry=None`` registers nowhere.

    Raises ValueError if the name is not valid or already taken in the registry.
    """

    def __new__(
        cls, name: str, documentation: str, *, registry: CollectorRegistry | None = ...
    ) -> Gauge: ...
    def set(self, value: float) -> None:
        """Sets the value, whatever it was."""

    def inc(self, amount: float = 1) -> None:
        """Adds ``amount``."""

    def dec(self, amount: float = 1) -> None:
        """Subtracts ``amount``."""

    def set_function(self, f: Callable[[], float]) -> None:
        """Has ``f`` give the value from now on, called whenever the gauge is gathered.

        If ``f`` raises or returns no number, the gauge is left out of that gather, and the logger
        ``dataclay_metrics`` says so once until it works again.
        """

    def get(self) -> float:
        """The current value; that of the function if there is one, NaN if that gives none."""

    @property
    def name(self) -> str:
        """The exposed name."""

    @property
    def documentation(self) -> str:
        """The HELP text."""

def generate_latest(registry: CollectorRegistry) -> bytes:
    """The metrics of ``registry`` in the Prometheus text format 0.0.4."""

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

def push(
    gateway: str,
    job: str,
    registry: CollectorRegistry,
    grouping_key: dict[str, str] | None,
    timeout: float,
) -> None:
    """Replaces one group on a Pushgateway. ``timeout`` bounds the whole push, in seconds.

    Raises OSError if the gateway cannot be reached or refuses the push, ValueError if the gateway,
    the job or the grouping key is not valid.
    """

@final
class HttpExporter:
    """Serves a registry over HTTP from construction until stop().

    Raises OSError if the address cannot be bound, OverflowError if the port is not 0 to 65535.
    """

    def __new__(cls, registry: CollectorRegistry, host: str, port: int) -> HttpExporter: ...
    def stop(self) -> None:
        """Closes the socket and ends the thread, in bounded time. A second call does nothing."""

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
    def stop(self, timeout: float = 2.0) -> None:
        """Pushes a last time and ends the thread, in ``timeout`` seconds. Once only.

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
    ) -> Settings: ...
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
    def instance(self) -> str | None:
        """DATACLAY_METRICS_INSTANCE; None if it is not set."""
