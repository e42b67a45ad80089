"""The objects behind the private names of ``private``."""

from collections.abc import Callable, Iterator, MutableMapping
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from .._native import Counter
from ..samples import Exemplar, Sample

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class _Number:
    """A number of a metric, such as ``metric._value``."""

    def __init__(self, read: Callable[[], Sample], inc: Any = None, set: Any = None) -> None:
        self._read, self._inc, self._set = read, inc, set

    def get(self) -> float:
        """Returns the number."""
        return self._read().value

    def get_exemplar(self) -> Exemplar | None:
        """Returns the exemplar of the sample, or None."""
        return self._read().exemplar

    def inc(self, amount: float) -> None:
        """Adds ``amount``, if the type of the metric allows that."""
        if self._inc is None:
            raise AttributeError("this number changes by observe()")
        self._inc(amount)

    def set(self, value: float, timestamp: float | None = None) -> None:
        """Sets the number, if the type of the metric allows that."""
        if self._set is None:
            raise AttributeError("this number changes by observe()")
        self._set(value)


def samples(metric: Any) -> list[Sample]:
    """Returns the samples of a metric, each with its suffix in place of its name."""
    return [
        sample._replace(name=sample.name.removeprefix(metric._name))
        for sample in metric.collect()[0].samples
    ]


def _sample(metric: Any, name: str, suffix: str = "", bound: str | None = None) -> _Number:
    if metric._is_parent():
        raise AttributeError(f"{metric.name} has the labels {metric._labelnames}, and no {name}")

    def read() -> Sample:
        return next(
            sample
            for sample in samples(metric)
            if sample.name == suffix and (bound is None or sample.labels["le"] == bound)
        )

    return _Number(read)


def value(metric: Any) -> _Number:
    """Returns the number of a counter or a gauge."""
    number = _sample(metric, "_value", "_total" if isinstance(metric, Counter) else "")
    number._inc = metric.inc
    number._set = _set_counter(metric) if isinstance(metric, Counter) else metric.set
    return number


def _set_counter(counter: Counter) -> Callable[[float], None]:
    def set(value: float) -> None:
        if value < counter.get():
            counter.reset()
        counter.inc(value - counter.get())

    return set


def total(metric: Any) -> _Number:
    """Returns the sum of a histogram or a summary."""
    return _sample(metric, "_sum", "_sum")


def count(metric: Any) -> _Number:
    """Returns the count of a summary."""
    return _sample(metric, "_count", "_count")


def bounds(metric: Any) -> list[float]:
    """Returns the upper bounds of a histogram, with infinity at the end."""
    return [float(bound) for bound in metric._bounds]


def buckets(metric: Any) -> list[_Number]:
    """Returns the number of observations in each bucket, without those in lower buckets."""
    if metric._is_parent():
        raise AttributeError(f"{metric.name} has the labels {metric._labelnames}, and no _buckets")

    def cumulative() -> list[Sample]:
        return [sample for sample in samples(metric) if sample.name == "_bucket"]

    def read(at: int) -> Sample:
        until = cumulative()
        below = until[at - 1].value if at else 0.0
        return until[at]._replace(value=until[at].value - below)

    return [_Number(partial(read, at)) for at in range(len(metric._bounds))]


class _View(MutableMapping[_Key, _Value]):
    """A copy of a dict. A deletion also takes effect in the metric or the registry."""

    def __init__(self, items: dict[_Key, _Value], remove: Callable[[_Key], object]) -> None:
        self._items, self._remove = items, remove

    def __getitem__(self, key: _Key) -> _Value:
        return self._items[key]

    def __setitem__(self, key: _Key, value: _Value) -> None:
        raise TypeError("this dict shows what is there: items can be deleted, and not set")

    def __delitem__(self, key: _Key) -> None:
        del self._items[key]
        self._remove(key)

    def __iter__(self) -> Iterator[_Key]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def copy(self) -> dict[_Key, _Value]:
        """Returns a dict with the same items."""
        return dict(self._items)

    def __repr__(self) -> str:
        return repr(self._items)


def children(metric: Any) -> _View[tuple[str, ...], Any]:
    """Returns the children of a metric, by their label values."""
    if not metric._is_parent():
        raise AttributeError(f"{metric.name} has no children")
    return _View(metric._children, lambda values: metric.remove(*values))


_SUFFIXES = {
    "counter": ("", "_total", "_created"),
    "summary": ("", "_sum", "_count", "_created"),
    "histogram": ("", "_bucket", "_sum", "_count", "_created"),
    "gaugehistogram": ("", "_bucket", "_gsum", "_gcount"),
    "info": ("", "_info"),
}


def names(collector: Any) -> list[str]:
    """Returns the names that a collector reserves in a registry, if it describes them."""
    describe = getattr(collector, "describe", list)
    return [
        metric.name + suffix
        for metric in describe()
        for suffix in _SUFFIXES.get(metric.type, ("",))
    ]


def by_collector(registry: Any) -> _View[Any, list[str]]:
    """Returns the names of each collector."""
    return _View({one: names(one) for one in registry._collectors}, registry.unregister)


def by_name(registry: Any) -> _View[str, Any]:
    """Returns the collector of each name."""

    def remove(name: str) -> None:
        if collector := view.pop_collector(name):
            registry.unregister(collector)

    view = _Named({name: one for one in registry._collectors for name in names(one)}, remove)
    return view


class _Named(_View[str, Any]):
    """Names and their collectors. The first deletion of one of a collector's names unregisters
    it."""

    def __init__(self, items: dict[str, Any], remove: Callable[[str], object]) -> None:
        super().__init__(items, remove)
        self._left = {id(one): one for one in items.values()}
        self._all = dict(items)

    def pop_collector(self, name: str) -> Any:
        return self._left.pop(id(self._all[name]), None)


def lock(registry: Any) -> Any:
    """Returns a lock, which this package never takes."""
    return vars(registry).setdefault("_own_lock", Lock())
