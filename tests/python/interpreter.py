"""Runs Python programs in a new interpreter, without the caller's DATACLAY_* variables."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

# pytest may run in another interpreter. PYTHONPATH=python makes the package visible to this one.
PYTHON = os.environ.get("TEST_PYTHON", sys.executable)
TIMEOUT = 60.0  # seconds until a program that should have ended is killed


@dataclass
class Completed:
    """The result of a program that has ended."""

    status: int
    stdout: str
    stderr: str
    seconds: float


def environment(variables: dict[str, str]) -> dict[str, str]:
    """Returns the inherited variables without DATACLAY_*, plus these."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DATACLAY_")}
    return inherited | variables


def run(*arguments: str, **variables: str) -> Completed:
    """Runs ``python ARGUMENTS`` until it ends, with these environment variables."""
    return run_within(TIMEOUT, *arguments, **variables)


def run_within(timeout: float, *arguments: str, **variables: str) -> Completed:
    """Does what ``run`` does, for a program that may take ``timeout`` seconds."""
    began = time.monotonic()
    done = subprocess.run(
        [PYTHON, *arguments],
        env=environment(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Completed(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


def output(code: str, *arguments: str, **variables: str) -> str:
    """Returns the output of ``python -c CODE ARGUMENTS``. Fails if its status is not 0."""
    ended = run("-c", code, *arguments, **variables)
    assert ended.status == 0, ended.stderr
    return ended.stdout


def running(*arguments: str, **variables: str) -> AbstractContextManager["subprocess.Popen[str]"]:
    """Runs ``python ARGUMENTS`` with pipes during the block, and kills it at the end."""
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
