"""Serves metrics with Django. It is that of prometheus_client, where that is installed."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prometheus_client.django import *
else:
    from .compat.theirs import load

    load(__name__, by_alias=True)
