"""A collector, under the module name of prometheus_client."""

from ._native import GC_COLLECTOR, GCCollector

__all__ = ["GC_COLLECTOR", "GCCollector"]
