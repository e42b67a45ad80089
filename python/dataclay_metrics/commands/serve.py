"""``dataclay-metrics serve``: exports all identities of a node, for short processes."""

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from . import arguments

if TYPE_CHECKING:
    from .._native import Segment, Segments
    from .arguments import PushFormat

UNCHANGED = 60.0
"""Seconds after which a group is pushed again although it has not changed, because a gateway that
restarts is empty."""
TIMEOUT = 5.0  # seconds that a push may take


def run(options: argparse.Namespace) -> int:
    """Serves or pushes until SIGTERM or Ctrl-C. Returns 1 if the address cannot be bound."""
    from .._native import Segments

    place = arguments.directory(options)
    segments = Segments(place)
    signal.signal(signal.SIGTERM, _end)
    if options.push:
        try:
            form = arguments.push_format()
        except ValueError as error:
            _say(f"{error}")
            return 2
        _say(f"pushing the segments in {place} to {options.push} every {options.interval:g} s")
        return Pushes(segments, options.push, options.interval, form).run()
    try:
        exporter = segments.serve(options.host, options.port)
    except OSError as error:
        _say(f"{error}")
        return 1
    _say(f"serving the segments in {place} at {exporter.url}")
    try:
        exporter.join()
    except SystemExit:
        exporter.stop()
    return 0


def _end(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _say(what: str) -> None:
    print(f"dataclay-metrics serve: {what}", file=sys.stderr, flush=True)


class Pushes:
    """Pushes each segment that has changed to its group."""

    def __init__(
        self, segments: "Segments", gateway: str, interval: float, form: "PushFormat"
    ) -> None:
        self._segments = segments
        self._form: PushFormat = form
        self._gateway = gateway
        self._interval = interval
        self._pushed: dict[Path, tuple[str, float]] = {}  # the last body and time of each push
        self._failures: set[str] = set()

    def run(self) -> int:
        """Pushes every interval, and a last time at the end."""
        try:
            while True:
                self.push_all(self._interval)
                time.sleep(self._interval)
        except (SystemExit, KeyboardInterrupt):
            self.push_all(0.0)
        return 0

    def push_all(self, interval: float) -> None:
        """Pushes the segments that have changed, unless their processes have just done so."""
        segments, failures = self._segments.read()
        now = set(failures)
        for segment in segments:
            try:
                self._push(segment, interval)
            except (OSError, ValueError) as error:
                now.add(f"{error}")
        for failure in sorted(now - self._failures):
            _say(failure)
        self._failures = now
        there = {segment.path for segment in segments}
        self._pushed = {path: of for path, of in self._pushed.items() if path in there}

    def _push(self, segment: "Segment", interval: float) -> None:
        text, now = segment.text(), time.monotonic()
        before, at = self._pushed.get(segment.path, ("", -UNCHANGED))
        if text == before and now - at < UNCHANGED:
            return
        # So it does not repeat the pushes of processes with the same interval.
        if segment.push(self._gateway, 0.9 * interval, TIMEOUT, self._form):
            self._pushed[segment.path] = (text, now)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds ``serve`` and its options to the command line."""
    parser = commands.add_parser(
        "serve",
        help="export all identities that count on this node",
        description="Serves the counts of all segments in a directory on one port, each under its"
        " job and instance. With --push, pushes each to its group on a Pushgateway instead. Finds"
        " new segments while it runs. DATACLAY_METRICS_PUSH_FORMAT sets the format of pushes.",
    )
    arguments.add_directory(parser)
    parser.add_argument("--host", default="0.0.0.0", help="the address to listen on")
    parser.add_argument("--port", type=_port, default=8000, help="default: 8000")
    parser.add_argument(
        "--push", type=_gateway, metavar="HOST:PORT", help="push to this gateway instead"
    )
    parser.add_argument(
        "--interval",
        type=arguments.interval,
        default=10.0,
        metavar="SECONDS",
        help="seconds between two pushes (default: 10)",
    )
    parser.set_defaults(run=run)


def _port(text: str) -> int:
    if not (text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number from 0 to 65535")
    return int(text)


def _gateway(text: str) -> str:
    from .._native import without_secrets

    shown = without_secrets(text)
    if shown != text or ":" not in text:
        raise argparse.ArgumentTypeError(f"{shown}: must be HOST:PORT, without credentials")
    return text
