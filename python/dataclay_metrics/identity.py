"""Who a process is, in the labels of the group that it pushes."""

import os


class Identity:
    """``instance`` tells this process from all others; ``service`` says what it is, if known."""

    def __init__(self, instance: str, service: str | None = None) -> None:
        self._instance = instance
        self._service = service
        self._pid = os.getpid()

    def labels(self) -> dict[str, str]:
        """The grouping labels beside ``job``, for the process that asks.

        A push replaces its group, so each process needs its own: a forked child has its own process
        id at the end, as the core gives it to the exporters that the child inherits.
        """
        instance, pid = self._instance, os.getpid()
        if pid != self._pid:
            instance = f"{instance.removesuffix(f':{self._pid}')}:{pid}"
        return {"instance": instance} | ({"service": self._service} if self._service else {})


def of_process(instance: str | None = None) -> Identity:
    """That of a process of which nothing else is known: ``instance``, or ``host:pid``."""
    return Identity(instance or f"{os.uname().nodename}:{os.getpid()}")
