"""Reads OpenMetrics. It is that of prometheus_client, where that is installed."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prometheus_client.openmetrics.parser import *
else:
    from ..compat.theirs import load

    load(__name__)
