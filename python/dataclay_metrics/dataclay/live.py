"""Gauges that are read from dataClay's runtimes as long as these live."""

import threading
from collections.abc import Callable
from functools import wraps
from types import CellType, FunctionType, ModuleType
from typing import Any
from weakref import ref

from .._native import Gauge


class _Reading:
    """A function of dataClay's, without what it closes over: that is held weakly.

    dataClay gives ``lambda: len(self.inmemory_objects)``, which would keep a runtime for ever.
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
        """What the function says now; 0 once the owner is gone."""
        owners = [known() for known in self._owners]
        if any(owner is None for owner in owners):
            return 0.0
        cells = tuple(CellType(owner) for owner in owners)
        value: float = FunctionType(self._code, self._globals, None, None, cells)()
        return value


class LiveGauge:
    """A gauge of dataClay's that is the sum over the runtimes that run."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._lock = threading.Lock()
        self._readings: tuple[_Reading, ...] = ()  # replaced as a whole: scrapes read it unlocked

    def set_function(self, function: FunctionType) -> None:
        """Adds what ``function`` gives to the sum, for as long as its owner lives and runs."""
        with self._lock:
            live = (reading for reading in self._readings if reading.is_live())
            self._readings = (*live, _Reading(function))
        self._gauge.set_function(self.sum)

    def forget(self, owner: object) -> None:
        """``owner`` contributes nothing from now on."""
        with self._lock:
            others = (reading for reading in self._readings if not reading.belongs_to(owner))
            self._readings = tuple(others)

    def sum(self) -> float:
        """The sum over all live owners."""
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
