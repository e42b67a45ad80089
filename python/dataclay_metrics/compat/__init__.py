"""For programs and libraries that were written for prometheus_client.

Nothing here is imported with the package: each module is imported at its first use.
"""

from .alias import install_as_prometheus_client

__all__ = ["install_as_prometheus_client"]
