"""Decorates functions. The code is prometheus_client's, if installed."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prometheus_client.decorator import *
else:
    from .compat.theirs import load

    load(__name__)
