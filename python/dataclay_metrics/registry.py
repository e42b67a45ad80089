"""Registries and collectors, under the module name of prometheus_client."""

from typing import Protocol

from ._native import REGISTRY, CollectorRegistry, DuplicateTimeseries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from .client.families import Metric

__all__ = ["REGISTRY", "Collector", "CollectorRegistry", "DuplicateTimeseries"]


class Collector(Protocol):
    """The interface of an object that a registry accepts. It may also be the base class of such
    objects."""

    def collect(self) -> "Iterable[Metric]":
        """Returns the metric families."""


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        from .client import missing

        raise missing.error(__name__, name)
