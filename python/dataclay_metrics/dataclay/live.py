"""Gauges that sum over dataClay's live runtimes."""

import os
import threading
from collections.abc import Callable
from functools import wraps
from types import CellType, FunctionType, ModuleType
from typing import Any
from weakref import ref

from .._native import Gauge
from .counted import counted, settle


def _length_of(owner: Any) -> Callable[[], int]:
    return lambda: len(owner.container)


# The bytecode of such a function. It depends neither on the owner nor on the container.
_LENGTH = _length_of(None).__code__.co_code


class _Length:
    """The length of an owner's container, which reports each change."""

    def __init__(self, owner: object, container: Any, changed: Callable[[], None]) -> None:
        container.changed = changed
        self._owner = ref(owner)
        self._container = ref(container, lambda _: changed())

    @staticmethod
    def of(function: FunctionType, changed: Callable[[], None]) -> "_Length | None":
        """Makes the container whose length ``function`` returns report its changes.

        Returns None for any other function, and for a container that cannot be replaced.
        """
        code, cells = function.__code__, function.__closure__
        if code.co_code != _LENGTH or cells is None or "len" in function.__globals__:
            return None
        owner, name = cells[0].cell_contents, code.co_names[1]
        container = counted(getattr(owner, name, None))
        if container is None:
            return None
        setattr(owner, name, container)
        return _Length(owner, container, changed)

    def belongs_to(self, owner: object) -> bool:
        return self._owner() is owner

    def is_live(self) -> bool:
        return self._container() is not None

    def __call__(self) -> int:
        container = self._container()
        return 0 if container is None else len(container)


class _Reading:
    """A function of dataClay that refers only weakly to the objects in its closure.

    dataClay passes ``lambda: len(self.inmemory_objects)``, which would keep a runtime alive.
    """

    def __init__(self, function: FunctionType) -> None:
        self._code = function.__code__
        self._globals = function.__globals__
        self._owners = [ref(cell.cell_contents) for cell in function.__closure__ or ()]

    def belongs_to(self, owner: object) -> bool:
        return any(known() is owner for known in self._owners)

    def is_live(self) -> bool:
        return all(known() is not None for known in self._owners)

    def __call__(self) -> float:
        """Returns the value of the function, or 0 after its owner was deleted."""
        owners = [known() for known in self._owners]
        if any(owner is None for owner in owners):
            return 0.0
        cells = tuple(CellType(owner) for owner in owners)
        value: float = FunctionType(self._code, self._globals, None, None, cells)()
        return value


class LiveGauge:
    """A gauge of dataClay that is the sum over the running runtimes.

    It is set when a container of a runtime changes, and then a scrape calls no function.
    """

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        # Always replaced, never changed, so that reading it takes no lock.
        self._readings: tuple[_Reading | _Length, ...] = ()
        self._is_called = False  # by each scrape, if a reading cannot report its changes
        self._renew_lock()
        os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()  # in a forked child, the thread that holds it may not exist

    def set_function(self, function: FunctionType) -> None:
        """Adds ``function`` to the sum while its owner lives and runs."""
        length = _Length.of(function, self._changed)
        with self._lock:
            live = (reading for reading in self._readings if reading.is_live())
            self._readings = (*live, length or _Reading(function))
        if length is None:
            self._is_called = True
            self._gauge.set_function(self.sum)
        self._changed()

    def forget(self, owner: object) -> None:
        """Removes the functions of ``owner`` from the sum."""
        with self._lock:
            others = (reading for reading in self._readings if not reading.belongs_to(owner))
            self._readings = tuple(others)
        self._changed()

    def _changed(self) -> None:
        if not self._is_called:
            settle(self._gauge, self.sum)

    def sum(self) -> float:
        """Returns the sum over all live owners."""
        return sum(reading() for reading in self._readings)


def forget_when_stopped(runtime: ModuleType, forget: Callable[[Any], None]) -> None:
    """Calls ``forget`` with each runtime of the module ``dataclay.runtime`` that has stopped."""

    def wrap(kind: Any) -> None:
        stop = kind.stop

        @wraps(stop)
        async def stop_and_forget(self: Any) -> None:
            try:
                await stop(self)
            finally:
                forget(self)

        kind.stop = stop_and_forget

    wrap(runtime.ClientRuntime)
    wrap(runtime.BackendRuntime)
