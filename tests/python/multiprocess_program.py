"""A program that follows the documentation of prometheus_client's multiprocess mode."""

import re
from pathlib import Path

from servers import samples

# The first two lines make libraries use this package.
METRICS = """
from dataclay_metrics.compat import install_as_prometheus_client
install_as_prometheus_client()

from prometheus_client import (
    CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
)

requests = Counter("requests", "Requests", ["path"])
seconds = Histogram("seconds", "Time", buckets=[0.5])
running = Gauge("running", "Requests that run", multiprocess_mode="livesum")

def work(path):
    with running.track_inprogress():
        requests.labels(path).inc()
        seconds.observe(0.25)

def metrics():
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)
"""


def write_modules(folder: Path, **modules: str) -> None:
    """Writes these modules, and ``measured`` with the metrics that they use."""
    for name, code in {"measured": METRICS, **modules}.items():
        (folder / f"{name}.py").write_text(code)


def values(text: str) -> dict[str, float]:
    """Returns the value of each sample of an exposition, by its name and labels."""
    return {
        f"{sample.name}{sample.labels or ''}": sample.value
        for sample in samples(text)
        if not re.match("dataclay_|process_|python_", sample.name)
    }
