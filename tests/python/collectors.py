"""Collectors for tests of registries and formats."""

from collections.abc import Iterable

from dataclay_metrics import Metric
from dataclay_metrics.registry import Collector


class Fixed(Collector):
    """Yields the families that it is created with."""

    def __init__(self, *families: Metric) -> None:
        self.families = families

    def collect(self) -> Iterable[Metric]:
        yield from self.families
