"""Who a process is, in the labels of the group that it pushes."""

import os


class Identity:
    """``instance`` tells this process from all others; ``service`` says what it is, if known."""

    def __init__(self, instance: str, service: str | None = None) -> None:
        self.instance = instance
        self.service = service

    def labels(self) -> dict[str, str]:
        """The grouping labels beside ``job``: a push replaces its group, so each needs its own."""
        return {"instance": self.instance} | ({"service": self.service} if self.service else {})


def of_process(instance: str | None = None) -> Identity:
    """That of a process of which nothing else is known: ``instance``, or ``host:pid``."""
    return Identity(instance or f"{os.uname().nodename}:{os.getpid()}")
