"""Runs ``top``: reads the endpoint repeatedly, and draws on a terminal or prints plain text."""

import argparse
import math
import os
import select
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from ..._native import Segments
from . import view
from .reading import Family, parse

PATIENCE = 10.0  # seconds until a read has failed
ACCEPT = "application/openmetrics-text, text/plain;q=0.5"

Source = Callable[[], dict[str, Family]]
"""Reads all families. Raises OSError if they cannot be read."""


def endpoint(url: str) -> Source:
    """Returns the source that reads a scrape endpoint."""
    opener = build_opener(ProxyHandler({}))  # ignores the proxy variables of the environment
    request = Request(url, headers={"Accept": ACCEPT})

    def read() -> dict[str, Family]:
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return parse(answer.read().decode(errors="replace"))
        except HTTPError as error:
            error.close()
            raise OSError(f"status {error.code} {error.reason}") from error
        except URLError as error:
            raise OSError(str(error.reason)) from error
        except HTTPException as error:  # the server does not speak HTTP
            raise OSError(repr(error)) from error

    return read


def node(directory: Path) -> Source:
    """Returns the source that reads all segments of a directory."""
    segments = Segments(directory)
    return lambda: parse(segments.text())


def run(options: argparse.Namespace) -> int:
    """Shows the metrics until q, Ctrl-C or, with --once, the second read. Returns the exit
    status."""
    if options.dir is not None:
        title, source = str(options.dir), node(options.dir)
    else:
        title = options.url.removeprefix("http://").removesuffix("/metrics")
        source = endpoint(options.url)
    top = Top(source, title, options.interval, options.filter)
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty() and os.getenv("TERM") != "dumb"
    if options.once or not is_terminal:
        return top.print_plain(options.once)
    with screen():
        return top.draw()


class Top:
    """The last two reads of a source, and how to show them."""

    def __init__(self, source: Source, title: str, interval: float, words: str) -> None:
        self._source = source
        self._title = title
        self._interval = interval
        self._words = words
        self._order = 0
        self._at = math.nan  # the time of the last read; without one, all rates are NaN
        self._tried = 0.0
        self._uses_dataclay = False
        self._reads: view.Reads | None = None
        self._failure = ""

    def print_plain(self, once: bool) -> int:
        """Prints all metrics after each read. Returns 1 if a read fails.

        With ``once`` it prints and ends after the second read, the first that has rates.
        """
        silent = once
        while True:
            self._read()
            if self._failure:
                print(f"dataclay-metrics top: {self._failure}", file=sys.stderr)
                return 1
            if not silent:
                print("\n".join(self._lines("name", None)), flush=True)
                if once:
                    return 0
                print()
            silent = False
            time.sleep(self._interval)

    def draw(self) -> int:
        """Draws after each read and each key until q. Returns 0."""
        self._read()
        while True:
            width, height = shutil.get_terminal_size()
            order = view.ORDERS[self._order]
            lines = view.text(self._lines(order, width), width, height - 1)
            lines.append(f"by {order}: s changes it, q ends"[:width])
            sys.stdout.write("\x1b[H" + "\x1b[K\n".join(lines) + "\x1b[K\x1b[J")
            sys.stdout.flush()
            key = _key(self._tried + self._interval - time.monotonic())
            if key == "q":
                return 0
            if key == "s":
                self._order = (self._order + 1) % len(view.ORDERS)
            elif not key:
                self._read()

    def _lines(self, order: view.Order, width: int | None) -> Iterator[str]:
        if self._failure:
            yield f"{self._failure}; tries again"
        if self._reads is not None:
            yield from view.header(self._reads, self._title)
            yield ""
            yield from view.table(self._reads, order, self._words, width)

    def _read(self) -> None:
        self._tried = time.monotonic()
        try:
            families = self._source()
        except (OSError, ValueError) as error:
            self._failure = f"cannot read {self._title}: {error}"
            return
        self._failure = ""
        now = time.monotonic()
        self._uses_dataclay = self._uses_dataclay or view.uses_dataclay(families)
        before = self._reads.now if self._reads else {}
        self._reads = view.Reads(families, before, now - self._at, self._uses_dataclay)
        self._at = now


def _key(patience: float) -> str:
    """Returns the key that is pressed within ``seconds``, or an empty text."""
    ready, _, _ = select.select([sys.stdin], [], [], max(0.0, patience))
    # Bypasses the buffer of sys.stdin, which would hide keys from select.
    return os.read(sys.stdin.fileno(), 1).decode(errors="replace") if ready else ""


@contextmanager
def screen() -> Iterator[None]:
    """Takes over the terminal during the block: no echo, no line buffering, and the alternate
    screen."""
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        sys.stdout.write("\x1b[?1049h\x1b[?25l")
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        sys.stdout.write("\x1b[?25h\x1b[?1049l")
        sys.stdout.flush()
