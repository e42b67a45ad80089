"""Serves metrics with Django. The code is prometheus_client's, if installed."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prometheus_client.django import *
else:
    from .compat.theirs import load

    load(__name__, by_alias=True)
