"""A collector, under the module name of prometheus_client."""

from ._native import PLATFORM_COLLECTOR, PlatformCollector

__all__ = ["PLATFORM_COLLECTOR", "PlatformCollector"]
