"""The role of a dataClay process, and the identity under which it exports."""

import os
from typing import Any

from .._native import Settings, default_instance

# The first of the 100 ports that an endpoint tries, if DATACLAY_METRICS_PORT is not set.
SERVICE_PORT = 8000
CLIENT_PORT = 8100

# Each main program of dataClay stores the settings of its service here.
_SERVICES = ("backend", "metadata", "proxy")


def role(config: Any) -> str:
    """Returns backend, metadata, proxy or client, independently of DATACLAY_SERVICE_NAME."""
    for service in _SERVICES:
        if getattr(config, service) is not None:
            return service
    return "client"


def with_identity(config: Any, settings: Settings, backend_id: object = None) -> Settings:
    """Returns the settings with the identity of this process. A service keeps it across restarts.

    A backend is identified by its id, which is a file in its storage directory. Host names do not
    suffice, because backends of a node share one, and addresses change in containers. The metadata
    service is identified by its address, a proxy by host and port. The clients of a user on a node
    count together. A client that cannot is identified by host and process id. Clients have separate
    ports, so that no client is scraped as a service.
    """
    kind = role(config)
    if kind == "client":
        shared, port = f"client:{_user()}@{os.uname().nodename}", CLIENT_PORT
    else:
        shared, port = None, SERVICE_PORT
    place = {
        "backend": lambda: str(backend_id),
        "metadata": lambda: f"{config.metadata.host}:{config.metadata.port}",
        "proxy": lambda: f"{os.uname().nodename}:{config.proxy.port}",
        "client": default_instance,
    }[kind]()
    service = config.service_name or kind
    return settings.for_service(service, f"{kind}:{place}", shared, port)


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # in a container, most often
        return str(os.getuid())
