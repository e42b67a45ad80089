"""What a dataClay process is: its role, and the identity under which it exports."""

import os
from typing import Any

from .._native import Settings
from ..identity import Identity

# Each main program of dataClay puts the settings of its service here.
_SERVICES = ("backend", "metadata", "proxy")


def role(config: Any) -> str:
    """backend, metadata or proxy; else client. DATACLAY_SERVICE_NAME may call it anything."""
    for service in _SERVICES:
        if getattr(config, service) is not None:
            return service
    return "client"


def of_process(config: Any, settings: Settings, backend_id: object = None) -> Identity:
    """The identity, the same after a restart for a service, as long as its place is the same.

    A backend is its id, which lives in its storage directory: names are shared by the backends of a
    node, and addresses change in containers. The metadata service is the address that it is
    reached at; a proxy is host and port; a client is host and process id.
    """
    kind = role(config)
    node = os.uname().nodename
    place = {
        "backend": lambda: str(backend_id),
        "metadata": lambda: f"{config.metadata.host}:{config.metadata.port}",
        "proxy": lambda: f"{node}:{config.proxy.port}",
        "client": lambda: f"{node}:{os.getpid()}",
    }[kind]()
    service: str = config.service_name or kind
    return Identity(settings.instance or f"{kind}:{place}", service)
