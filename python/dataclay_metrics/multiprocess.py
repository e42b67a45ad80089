"""The metrics of several processes, under the module name of prometheus_client.

Set ``PROMETHEUS_MULTIPROC_DIR`` or ``DATACLAY_METRICS_DIR``. The kernel knows which processes live,
so you do not need to clear the directory or call a function when a process ends.
"""

from ._native import MultiProcessCollector

__all__ = ["MultiProcessCollector", "mark_process_dead"]


def mark_process_dead(pid: int, path: str | None = None) -> None:
    """Does nothing, because the counts of a process outlive it, and its live gauges end with it."""
