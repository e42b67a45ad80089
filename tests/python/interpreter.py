"""Runs Python programs in a new interpreter, without the caller's DATACLAY_* variables."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

# May be another interpreter than pytest's; PYTHONPATH=python makes the package visible to it.
PYTHON = os.environ.get("TEST_PYTHON", sys.executable)
PATIENCE = 60.0  # seconds until a program that should have ended is killed


@dataclass
class Ended:
    status: int
    stdout: str
    stderr: str
    seconds: float


def environment(variables: dict[str, str]) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DATACLAY_")}
    return inherited | variables


def run(*arguments: str, **variables: str) -> Ended:
    """Runs ``python ARGUMENTS`` to the end, with these environment variables."""
    return run_within(PATIENCE, *arguments, **variables)


def run_within(patience: float, *arguments: str, **variables: str) -> Ended:
    """Does what ``run`` does, for a program that may take ``patience`` seconds."""
    began = time.monotonic()
    done = subprocess.run(
        [PYTHON, *arguments],
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def output(code: str, **variables: str) -> str:
    """Returns what ``python -c CODE`` prints; fails with its stderr unless its status is 0."""
    ended = run("-c", code, **variables)
    assert ended.status == 0, ended.stderr
    return ended.stdout


def running(*arguments: str, **variables: str) -> AbstractContextManager["subprocess.Popen[str]"]:
    """Runs ``python ARGUMENTS`` with pipes during the block; kills it if it runs longer."""
    return running_program([PYTHON, *arguments], variables)


@contextmanager
def running_program(
    command: Sequence[str | Path], variables: dict[str, str]
) -> Iterator["subprocess.Popen[str]"]:
    """Does what ``running`` does, for any program."""
    with subprocess.Popen(
        command,
        env=environment(variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
