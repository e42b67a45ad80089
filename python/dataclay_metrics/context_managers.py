"""Counts or times a block of code: context managers that are also decorators."""

from contextlib import suppress
from functools import wraps
from inspect import iscoroutinefunction, signature
from time import perf_counter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, TypeVar

    from typing_extensions import Self

    Decorated = TypeVar("Decorated", bound=Callable[..., Any])


class _Around:
    """A context manager and decorator. For an ``async def`` it covers the awaited body."""

    def _enter(self) -> None:
        """Runs before the block."""

    def _exit(self, raised: "BaseException | None") -> None:
        """Runs after the block, even if it raised."""

    def _for_call(self) -> "_Around":
        """Returns the context manager of one call of a decorated function. Calls may overlap."""
        return self

    def __enter__(self) -> "Self":
        self._enter()
        return self

    def __exit__(
        self,
        typ: "type[BaseException] | None",
        value: "BaseException | None",
        traceback: "TracebackType | None",
    ) -> None:
        self._exit(value)

    def __call__(self, f: "Decorated") -> "Decorated":
        around: Any
        if iscoroutinefunction(f):

            @wraps(f)
            async def around(*args: "Any", **kwargs: "Any") -> "Any":
                with self._for_call():
                    return await f(*args, **kwargs)
        else:

            @wraps(f)
            def around(*args: "Any", **kwargs: "Any") -> "Any":
                with self._for_call():
                    return f(*args, **kwargs)

        with suppress(TypeError, ValueError):  # not every callable has a signature
            around.__signature__ = signature(f)
        return around  # type: ignore[no-any-return]


class ExceptionCounter(_Around):
    """Counts the exceptions of one type, or of a tuple of types, that the block raises."""

    def __init__(
        self,
        counter: "Any",
        exception: "type[BaseException] | tuple[type[BaseException], ...]" = Exception,
    ) -> None:
        self._counter = counter
        self._exception = exception

    def _exit(self, raised: "BaseException | None") -> None:
        if isinstance(raised, self._exception):
            self._counter.inc()


class InprogressTracker(_Around):
    """Adds 1 to a gauge on entry and subtracts it on exit."""

    def __init__(self, gauge: "Any") -> None:
        self._gauge = gauge

    def _enter(self) -> None:
        self._gauge.inc()

    def _exit(self, raised: "BaseException | None") -> None:
        self._gauge.dec()


class Timer(_Around):
    """Calls a method of a metric with the seconds between entry and exit.

    ``duration`` is that number after the exit, and None before it.
    """

    def __init__(self, metric: "Any", callback_name: str) -> None:
        self._metric = metric
        self._callback_name = callback_name
        self._start = 0.0
        self.duration: float | None = None

    def _for_call(self) -> "_Around":
        return Timer(self._metric, self._callback_name)

    def _enter(self) -> None:
        self._start = perf_counter()

    def _exit(self, raised: "BaseException | None") -> None:
        self.duration = perf_counter() - self._start
        getattr(self._metric, self._callback_name)(self.duration)

    def labels(self, *labelvalues: object, **labelkwargs: object) -> None:
        """Chooses the child that gets the seconds, when its labels are known."""
        self._metric = self._metric.labels(*labelvalues, **labelkwargs)
