"""Registries and collectors, under the module name of prometheus_client."""

from ._native import REGISTRY, CollectorRegistry, DuplicateTimeseries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .client.families import Metric

__all__ = ["REGISTRY", "Collector", "CollectorRegistry", "DuplicateTimeseries"]


class Collector:
    """A base for custom collectors. A registry takes any object with this method."""

    def collect(self) -> "Iterable[Metric]":
        """Returns the metric families."""
        raise NotImplementedError
