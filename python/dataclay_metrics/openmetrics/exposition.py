"""OpenMetrics 1.0, under the module name of prometheus_client."""

from .. import _native
from .._native import REGISTRY, CollectorRegistry

__all__ = ["CONTENT_TYPE_LATEST", "generate_latest"]

CONTENT_TYPE_LATEST = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def generate_latest(
    registry: CollectorRegistry = REGISTRY, escaping: str = "underscores", version: str = "1.0.0"
) -> bytes:
    """Returns the metrics of ``registry`` in OpenMetrics 1.0, the only version here."""
    if version != "1.0.0":
        raise ValueError(f"version {version!r}: must be 1.0.0")
    return _native.generate_latest(registry, escaping, format="openmetrics")
