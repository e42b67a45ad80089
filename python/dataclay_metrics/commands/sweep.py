"""``dataclay-metrics sweep``: deletes the groups of ended processes from a Pushgateway."""

import argparse
import json
import re
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from .. import _native
from .._native import REGISTRY, Settings

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Group(NamedTuple):
    """A group on a gateway: its labels with ``job``, and the Unix time of its last push."""

    labels: dict[str, str]
    pushed: float


def groups(gateway: str) -> Iterator[Group]:
    """Yields the groups on ``gateway`` (HOST:PORT). Raises OSError if it does not respond."""
    from urllib.request import ProxyHandler, build_opener

    # Like a push, it ignores the proxy variables of the environment.
    with build_opener(ProxyHandler({})).open(
        f"http://{gateway}/api/v1/metrics", timeout=10
    ) as response:
        answer = json.load(response)
    for group in answer["data"]:
        (pushed,) = (sample["value"] for sample in group["push_time_seconds"]["metrics"])
        yield Group(group["labels"], float(pushed))


def run(options: argparse.Namespace) -> int:
    """Lists the stale groups of the job, and deletes them with ``--delete``."""
    settings = Settings.from_env()
    job = options.job or settings.job
    now = time.time()
    gateway = options.gateway or _gateway()
    shown = _native.without_secrets(gateway)
    if shown != gateway:
        print(f"dataclay-metrics sweep: {shown}: must be HOST:PORT", file=sys.stderr)
        return 1
    try:
        stale = [
            group
            for group in groups(gateway)
            if group.labels["job"] == job and now - group.pushed > options.older_than
        ]
        for group in sorted(stale, key=lambda group: group.pushed):
            if options.delete:
                key = {name: value for name, value in group.labels.items() if name != "job"}
                _native.gateway_request("DELETE", gateway, job, REGISTRY, key, 10.0)
            labels = ", ".join(f'{name}="{value}"' for name, value in group.labels.items())
            done = "deleted" if options.delete else "would delete"
            print(f"{done} {{{labels}}}, last pushed {_age(now - group.pushed)} ago")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)  # urllib wraps the error
        print(f"dataclay-metrics sweep: {gateway}: {reason}", file=sys.stderr)
        return 1
    what = "group" if len(stale) == 1 else "groups"
    if options.delete:
        print(f"{len(stale)} {what} deleted from {gateway}")
    else:
        print(f"{len(stale)} {what} on {gateway} would be deleted; --delete does it")
    return 0


def _gateway() -> str:
    """Returns the gateway that processes with this environment push to."""
    import os

    return Settings.from_variables(
        dict(os.environ) | {"DATACLAY_METRICS_EXPORTER": "pushgateway"}
    ).address


def _age(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _duration(text: str) -> float:
    match = re.fullmatch(r"(\d+)([smhd])", text)
    seconds = int(match[1]) * _UNITS[match[2]] if match else 0
    if seconds == 0:
        raise argparse.ArgumentTypeError(
            f"{text}: must be a whole number, not 0, with s, m, h or d"
        )
    return float(seconds)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds ``sweep`` and its options to the command line."""
    parser = commands.add_parser(
        "sweep",
        help="delete the groups of ended processes from a Pushgateway",
        description="Lists the groups of the job that no process has pushed to for a while, and"
        " deletes them with --delete. The next push of a live process creates its group again.",
    )
    parser.add_argument(
        "--older-than",
        type=_duration,
        required=True,
        metavar="AGE",
        help="time since the last push, such as 90s, 30m, 1h, 7d",
    )
    parser.add_argument(
        "--gateway", metavar="HOST:PORT", help="default: DATACLAY_METRICS_HOST and _PORT"
    )
    parser.add_argument("--job", help="default: DATACLAY_METRICS_JOB, or dataclay")
    parser.add_argument("--delete", action="store_true", help="delete them instead of listing them")
    parser.set_defaults(run=run)
