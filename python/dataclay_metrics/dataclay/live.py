"""Gauges that read dataClay's runtimes as long as these live."""

import os
import threading
from collections.abc import Callable
from functools import wraps
from types import CellType, FunctionType, ModuleType
from typing import Any
from weakref import ref

from .._native import Gauge


class _Reading:
    """A function of dataClay that holds the objects it closes over only weakly.

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
        """Returns the value of the function; 0 once its owner is gone."""
        owners = [known() for known in self._owners]
        if any(owner is None for owner in owners):
            return 0.0
        cells = tuple(CellType(owner) for owner in owners)
        value: float = FunctionType(self._code, self._globals, None, None, cells)()
        return value


class LiveGauge:
    """A gauge of dataClay that is the sum over the running runtimes."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._readings: tuple[_Reading, ...] = ()  # replaced as a whole: scrapes take no lock
        self._renew_lock()
        os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()  # in a forked child its holder may not exist

    def set_function(self, function: FunctionType) -> None:
        """Adds ``function`` to the sum, as long as its owner lives and runs."""
        with self._lock:
            live = (reading for reading in self._readings if reading.is_live())
            self._readings = (*live, _Reading(function))
        self._gauge.set_function(self.sum)

    def forget(self, owner: object) -> None:
        """Removes the functions of ``owner`` from the sum."""
        with self._lock:
            others = (reading for reading in self._readings if not reading.belongs_to(owner))
            self._readings = tuple(others)

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
