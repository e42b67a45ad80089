"""Runs popular packages that use prometheus_client on this package instead, and prints a table.

    tests/packages.py VENV [NAME...]

Each program runs in a separate process and checks what is exposed. The exit status is 1 if one
fails here that runs with prometheus_client.
"""

import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from package_programs import PROGRAMS

ROOT = Path(__file__).resolve().parents[1]
INSTALL = """
from dataclay_metrics.compat import install_as_prometheus_client
install_as_prometheus_client()
"""
FIRST = """
from prometheus_client import REGISTRY, generate_latest
def has(*lines, text=None):
    text = text or generate_latest().decode()
    missing = [line for line in lines if line not in text]
    assert not missing, f"{missing} are not in\\n{text}"
"""


def wait_until_listening(port: int) -> None:
    """Waits at most 30 seconds for a server on this port."""
    deadline = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def redis() -> Iterator[int]:
    """Runs an empty Redis during the block. Yields its port when it listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
    try:
        wait_until_listening(port)
        yield port
    finally:
        server.kill()
        server.wait()


def run(python: Path, program: str, redis: int) -> str:
    """Runs a program. Returns the end of its error output, or an empty string if it succeeds."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "python"), "REDIS_PORT": str(redis)}
    command: list[str | Path] = ["timeout", "60", python, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stderr.strip()[-3000:] or str(done.returncode)


def main(venv: str, *names: str) -> int:
    """Prints the table, and the errors of the packages that fail."""
    errors, regressions, python = {}, [], Path(venv, "bin", "python")
    print("{:36}{:19}{}".format("package", "prometheus_client", "dataclay_metrics"))
    with redis() as port:
        for name in names or PROGRAMS:
            program = FIRST + textwrap.dedent(PROGRAMS[name])
            with_theirs = run(python, program, port)
            errors[name] = run(python, INSTALL + program, port)
            if errors[name] and not with_theirs:
                regressions.append(name)
            words = ["fails" if error else "runs" for error in (with_theirs, errors[name])]
            print("{:36}{:19}{}".format(name, *words), flush=True)
    print(f"{list(errors.values()).count('')} of {len(errors)} packages run")
    for name, error in errors.items():
        if error:
            print(f"\n{name}:\n{textwrap.indent(error, '    ')}")
    return int(bool(regressions))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
