"""The port of the scrape endpoint: the one asked for, or the next that is free."""

import errno

from ._native import REGISTRY, HttpExporter, Settings

# How many ports are tried, the first included: 8000 to 8009 by default. Enough for the processes of
# a node, few enough for a Prometheus configuration to list.
RANGE = 10


def listen(settings: Settings) -> HttpExporter:
    """Serves ``REGISTRY`` on the first free port of the range.

    Raises OSError if none is free, or the address cannot be bound for another reason.
    """
    first = settings.port
    last = min(first + RANGE - 1, 65535) if first else 0  # 0: the system chooses
    for port in range(first, last + 1):
        try:
            exporter = HttpExporter(REGISTRY, settings.host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        if exporter.port != first and first:
            _warn("port %d is taken: serving metrics on port %d instead", first, exporter.port)
        return exporter
    raise OSError(
        errno.EADDRINUSE,
        f"cannot serve metrics on {settings.host}: no port from {first} to {last} is free",
    )


def _warn(message: str, *values: object) -> None:
    import logging  # 10 ms: paid by those who export, not by those who import

    logging.getLogger("dataclay_metrics").warning(message, *values)
