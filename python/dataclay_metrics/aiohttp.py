"""Serves metrics with aiohttp. The code is prometheus_client's, if installed."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prometheus_client.aiohttp import *
else:
    from .compat.theirs import load

    load(__name__)
