"""The bridge to the prometheus_client of an application."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .._native import generate_latest

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric
    from prometheus_client.registry import Collector


def prometheus_client_collector() -> "Collector":
    """Returns a collector for prometheus_client that yields the metrics of ``REGISTRY``.

    An application that exports the registry of prometheus_client registers the collector there,
    once: ``prometheus_client.REGISTRY.register(dataclay_metrics.prometheus_client_collector())``.
    It skips ``process_*`` and ``python_*``, because prometheus_client also has these families.

    Raises ImportError if prometheus_client is not installed.
    """
    from prometheus_client.parser import text_string_to_metric_families
    from prometheus_client.registry import Collector

    class DataClayCollector(Collector):
        def collect(self) -> "Iterator[Metric]":
            for family in text_string_to_metric_families(generate_latest().decode()):
                if not family.name.startswith(("process_", "python_")):
                    yield family

    return DataClayCollector()
