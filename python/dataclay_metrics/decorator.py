"""Decorates functions. It is that of prometheus_client, where that is installed."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prometheus_client.decorator import *
else:
    from .compat.theirs import load

    load(__name__)
