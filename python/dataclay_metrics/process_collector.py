"""A collector, under the module name of prometheus_client."""

from ._native import PROCESS_COLLECTOR, ProcessCollector

__all__ = ["PROCESS_COLLECTOR", "ProcessCollector"]
