"""Runs test programs, and prints their results and those of other tests as TAP."""

import re
import subprocess
import sys
from pathlib import Path

TIMEOUT = 300  # seconds until a program that does not end is killed


class Tap:
    """Numbers the results, and prints them as TAP."""

    def __init__(self) -> None:
        self.count = 0
        self.failed = False

    def test(self, holds: bool, what: str, detail: str = "") -> None:
        self.count += 1
        self.failed |= not holds
        print(f"{'ok' if holds else 'not ok'} {self.count} - {what}")
        if not holds and detail:
            print("\n".join(f"# {line}" for line in detail.splitlines()))
        sys.stdout.flush()


def run(tap: Tap, name: str, *command: str | Path) -> None:
    """Runs one test program. Reports one test, and one more for each failed check in it."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as timeout:
        return tap.test(False, f"{name}: ends in time", str(timeout))
    lines = done.stdout.splitlines()
    passed = sum(line.startswith("ok ") for line in lines)
    for line in lines:
        if failure := re.match(r"not ok \d+ - (.*)", line):
            tap.test(False, f"{name}: {failure[1]}")
    succeeded = done.returncode == 0 and f"1..{passed}" in lines
    others = [line for line in lines if not line.startswith("ok ")]
    detail = "\n".join([f"status {done.returncode}", *others[-50:]])
    tap.test(succeeded, f"{name}: {passed} checks pass", detail)
