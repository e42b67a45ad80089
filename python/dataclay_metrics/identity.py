"""Who a process is, in the labels of the group that it pushes."""

import os
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Identity:
    """``instance`` tells this process from all others; ``service`` says what it is, if known."""

    instance: str
    service: str | None = None
    _pid: int = field(default_factory=os.getpid)

    def labels(self) -> dict[str, str]:
        """The grouping labels beside ``job``, for the process that asks.

        A push replaces its whole group, so each process needs one of its own: in a forked child
        the process id is added.
        """
        pid = os.getpid()
        instance = self.instance if pid == self._pid else f"{self.instance}:{pid}"
        return {"instance": instance} | ({"service": self.service} if self.service else {})


def of_process() -> Identity:
    """That of a process of which nothing else is known: ``host:pid``."""
    return Identity(f"{os.uname().nodename}:{os.getpid()}")
