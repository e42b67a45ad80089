"""The metric types, under the module name of prometheus_client."""

import os
from typing import TYPE_CHECKING, TypeAlias

from ._native import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Enum,
    Gauge,
    Histogram,
    Info,
    Summary,
    disable_created_metrics,
    enable_created_metrics,
)
from .client.families import Metric
from .context_managers import ExceptionCounter, InprogressTracker, Timer
from .registry import Collector
from .samples import Exemplar, Sample
from .utils import INF, floatToGoString

__all__ = [
    "INF",
    "REGISTRY",
    "Collector",
    "CollectorRegistry",
    "Counter",
    "Enum",
    "ExceptionCounter",
    "Exemplar",
    "Gauge",
    "Histogram",
    "Info",
    "InprogressTracker",
    "Metric",
    "MetricWrapperBase",
    "Sample",
    "Summary",
    "Timer",
    "disable_created_metrics",
    "enable_created_metrics",
    "floatToGoString",
]

_CLASSES = (Counter, Gauge, Histogram, Info, Summary, Enum)


class _OfAnyMetric(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _CLASSES)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _CLASSES)


if TYPE_CHECKING:
    MetricWrapperBase: TypeAlias = Counter | Gauge | Histogram | Info | Summary | Enum
else:

    class MetricWrapperBase(metaclass=_OfAnyMetric):
        """The class of every metric, only for ``isinstance`` and ``issubclass``."""


def _get_use_created() -> bool:
    disabled = os.environ.get("PROMETHEUS_DISABLE_CREATED_SERIES", "false").lower()
    return disabled not in ("true", "1", "t")
