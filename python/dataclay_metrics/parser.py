"""Reads the text format. The code is prometheus_client's, if installed."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prometheus_client.parser import *
else:
    from .compat.theirs import load

    load(__name__)
