"""Containers that report each change of their length, so that a gauge is always current.

A scrape then needs no function, and so does not wait for the interpreter.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from weakref import WeakValueDictionary, ref

from .._native import Gauge

# The methods by which a mapping changes.
_CHANGES = (
    "__setitem__",
    "__delitem__",
    "__ior__",
    "pop",
    "popitem",
    "clear",
    "update",
    "setdefault",
)

_Class = TypeVar("_Class", bound=type)


def settle(gauge: Gauge, count: Callable[[], float]) -> None:
    """Sets ``gauge`` to ``count()``, after a change that affects the count.

    Takes no lock, because the garbage collector may call it anywhere. It compares after it has set
    the gauge, so the last thread that sets the gauge has seen the last change.
    """
    value = None
    while value != (now := count()):
        value = now
        gauge.set(now)


def _reporting(kind: _Class) -> _Class:
    """Makes all methods of a class that change its objects call ``changed()`` at their end."""

    def reporting(method: Any) -> Any:
        @wraps(method)
        def change(self: Any, *arguments: Any, **by_name: Any) -> Any:
            try:
                return method(self, *arguments, **by_name)
            finally:
                self.changed()

        return change

    for name in _CHANGES:
        setattr(kind, name, reporting(getattr(kind, name)))
    return kind


def _nothing() -> None:
    """Does nothing. This is the default for copies, which no gauge counts."""


@_reporting
class CountedDict(dict[Any, Any]):
    """A dict that calls ``changed`` after each change."""

    changed: Callable[[], None] = staticmethod(_nothing)


@_reporting
class CountedWeakValues(WeakValueDictionary[Any, Any]):
    """A WeakValueDictionary that calls ``changed`` after each change, including the death of a
    value."""

    changed: Callable[[], None] = staticmethod(_nothing)

    def __init__(self) -> None:
        super().__init__()
        remove, myself = self._remove, ref(self)  # type: ignore[has-type]

        def remove_and_report(value: Any) -> None:
            remove(value)
            known = myself()
            if known is not None:
                known.changed()

        self._remove = remove_and_report


def counted(container: object) -> CountedDict | CountedWeakValues | None:
    """Returns a counted container to replace an empty dict or WeakValueDictionary.

    Other containers cannot be replaced, because something may already refer to them. Returns None
    for these.
    """
    if type(container) is dict and not container:
        return CountedDict()
    if type(container) is WeakValueDictionary and not container and hasattr(container, "_remove"):
        return CountedWeakValues()
    return None
