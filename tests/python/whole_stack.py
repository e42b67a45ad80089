"""Runs dataClay, Prometheus and Pushgateway on this machine until Ctrl-C: `make stack`."""

import shutil
import signal
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from types import FrameType
from typing import TextIO
from urllib.error import HTTPError

import deployment
import servers
from stack import Program

SERVICES = ("metadata service", "first backend", "second backend")


def main() -> int:
    """Runs the stack. Returns 0 if Ctrl-C or SIGTERM ended it, and 1 if a program failed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    directory = Path(tempfile.mkdtemp(prefix="dataclay-stack-"))
    out = sys.stdout
    try:
        with redirect_stdout(None):  # otherwise each program prints its log when it ends
            run(directory, out)
    except KeyboardInterrupt:
        pass  # during the start
    except (AssertionError, OSError) as error:
        print(f"make stack: {error}\nThe logs are in {directory}", file=sys.stderr)
        return 1
    shutil.rmtree(directory)
    print("\nEverything has ended.", file=out)
    return 0


def run(directory: Path, out: TextIO) -> None:
    """Starts all programs, prints their addresses, and waits for KeyboardInterrupt."""
    print(
        "Starts Redis, Pushgateway, dataClay, Prometheus and two clients ...", file=out, flush=True
    )
    with deployment.running(directory) as running:
        running.client(rounds=3).wait_for_success()
        client = running.client()
        urls = running.urls()
        lines = ["", *(f"  {name:15} {url}" for name, url in urls.items()), ""]
        if not has_pages(urls["Prometheus"]):
            lines += ["This Prometheus has no web pages: use the console or the API."]
        lines += ["One client runs, and one has ended. Ctrl-C ends all programs."]
        print("\n".join(lines), file=out, flush=True)
        try:
            watch({"client": client} | dict(zip(SERVICES, running.services, strict=True)))
        except KeyboardInterrupt:
            client.touch("end")
            client.wait()
            for service in reversed(running.services):
                service.terminate()


def has_pages(prometheus: str) -> bool:
    """Returns whether it serves web pages. Debian's Prometheus does not, in target/servers."""
    try:
        servers.get(prometheus)
    except HTTPError as response:
        response.close()
        return False
    return True


def watch(programs: dict[str, Program]) -> None:
    """Waits until one of the programs ends. Raises AssertionError with the end of its log."""
    while True:
        for name, program in programs.items():
            if program.process.poll() is not None:
                raise AssertionError(f"the {name} has ended:\n{program.text()[-3000:]}")
        time.sleep(0.2)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
