"""Registries, and what they take, under the name that prometheus_client has for this module."""

from ._native import REGISTRY, CollectorRegistry, DuplicateTimeseries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .client.families import Metric

__all__ = ["REGISTRY", "Collector", "CollectorRegistry", "DuplicateTimeseries"]


class Collector:
    """A base for custom collectors. A registry takes any object with this method."""

    def collect(self) -> "Iterable[Metric]":
        """The metric families, now."""
        raise NotImplementedError
