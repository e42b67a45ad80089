"""Private names of prometheus_client that programs and test suites use.

They are properties of the classes. The objects that they return read or change the metric by its
public methods, so an increment runs none of this code.
"""

from .._native import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

TYPES: "list[tuple[Any, str, str]]" = [
    (Counter, "counter", "_total"),
    (Gauge, "gauge", ""),
    (Histogram, "histogram", ""),
    (Summary, "summary", ""),
    (Info, "info", "_info"),
    (Enum, "stateset", ""),
]


def _made_by(function: str) -> "Callable[[Any], Any]":
    """Returns a getter that calls a function of the module ``views``, imported at its first use."""

    def get(owner: "Any") -> "Any":
        from . import views

        return getattr(views, function)(owner)

    return get


_NAMES: "dict[type[Any], dict[str, Any]]" = {
    Counter: {"_value": property(_made_by("value"))},
    Gauge: {"_value": property(_made_by("value"))},
    Histogram: {
        "_sum": property(_made_by("total")),
        "_buckets": property(_made_by("buckets")),
        "_upper_bounds": property(_made_by("bounds")),
    },
    Summary: {"_sum": property(_made_by("total")), "_count": property(_made_by("count"))},
    CollectorRegistry: {
        "_names_to_collectors": property(_made_by("by_name")),
        "_collector_to_names": property(_made_by("by_collector")),
        "_get_names": lambda registry, collector: _names(collector),
        "_lock": property(_made_by("lock")),
        "_target_info": property(CollectorRegistry.get_target_info),
    },
}
_OF_EACH_METRIC: "dict[str, Any]" = {
    "_documentation": property(lambda metric: metric.documentation),
    "_metrics": property(_made_by("children")),
    "_is_parent": lambda metric: bool(metric._labelnames) and not metric._labelvalues,
    "_is_observable": lambda metric: not metric._is_parent(),
    "_get_metric": lambda metric: metric.describe()[0],
    "_samples": _made_by("samples"),
    "_child_samples": _made_by("samples"),
}


def add() -> None:
    """Adds the names to the classes."""
    for cls, type_, suffix in TYPES:
        names = {"_type": type_, "_name": property(_without(suffix))} | _OF_EACH_METRIC
        for attribute, value in names.items():
            setattr(cls, attribute, value)
    for cls, names in _NAMES.items():
        for attribute, value in names.items():
            setattr(cls, attribute, value)


def _without(suffix: str) -> "Callable[[Any], str]":
    return lambda metric: metric.name.removesuffix(suffix)


def _names(collector: "Any") -> "list[str]":
    from . import views

    return views.names(collector)
