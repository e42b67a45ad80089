"""Hits and misses: every lookup of an object by its id is exactly one of the two."""

from contextlib import suppress
from contextvars import ContextVar
from functools import wraps
from logging import DEBUG
from types import ModuleType
from typing import Any

from .._native import dataclay_inmemory_hits_total, dataclay_inmemory_misses_total


class _Lookup:
    """A lookup that was not a hit at the first try."""

    __slots__ = ("hit",)

    def __init__(self) -> None:
        self.hit = False


# One per task, because other tasks may run between the first try and the second.
_current: ContextVar[_Lookup | None] = ContextVar("dataclay_metrics_lookup", default=None)


class Hits:
    """dataClay's hit counter. It marks the current lookup when dataClay counts a hit."""

    def inc(self, amount: float = 1) -> None:
        """Adds ``amount``."""
        dataclay_inmemory_hits_total.inc(amount)
        lookup = _current.get()
        if lookup is not None:
            lookup.hit = True


def count_lookups(runtime: ModuleType) -> None:
    """Wraps ``get_object_by_id`` of the module ``dataclay.runtime``.

    dataClay counts hits, but not misses. It tries the dictionary of the objects in memory, waits
    for a lock, tries again, and only then makes a proxy. The wrapper makes the first try, so that a
    hit costs no second coroutine. Otherwise it calls dataClay. That call is a miss unless dataClay
    counts a hit in it, even if it raises.
    """
    dataclay_runtime = runtime.DataClayRuntime
    look_up = dataclay_runtime.get_object_by_id
    logger = runtime.logger
    is_logged = logger.isEnabledFor
    hit, miss = dataclay_inmemory_hits_total.inc, dataclay_inmemory_misses_total.inc

    async def not_at_once(self: Any, object_id: Any, object_md: Any) -> Any:
        lookup = _Lookup()
        token = _current.set(lookup)
        try:
            return await look_up(self, object_id, object_md)
        finally:
            if not lookup.hit:
                miss()
            with suppress(ValueError):  # an abandoned coroutine is closed in another context
                _current.reset(token)

    @wraps(look_up)
    async def get_object_by_id(self: Any, object_id: Any, object_md: Any = None) -> Any:
        try:
            found = self.inmemory_objects[object_id]
        except KeyError:
            return await not_at_once(self, object_id, object_md)
        hit()
        if is_logged(DEBUG):  # the log lines of dataClay, so that its log does not change
            logger.debug("(%s) Getting dataclay object by id", object_id)
            logger.debug("(%s) Object found in inmemory_objects", object_id)
        return found

    dataclay_runtime.get_object_by_id = get_object_by_id
