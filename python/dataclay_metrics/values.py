"""The value objects of prometheus_client, if it is installed. Metrics do not use them."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prometheus_client.values import *
else:
    from .compat.theirs import load

    load(__name__)
