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
    """Returns 0 if Ctrl-C or SIGTERM ended the stack, 1 if a part of it failed."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    directory = Path(tempfile.mkdtemp(prefix="dataclay-stack-"))
    out = sys.stdout
    try:
        with redirect_stdout(None):  # else each program's log is printed as it ends
            run(directory, out)
    except KeyboardInterrupt:
        pass  # while it started
    except (AssertionError, OSError) as error:
        print(f"make stack: {error}\nThe logs are in {directory}", file=sys.stderr)
        return 1
    shutil.rmtree(directory)
    print("\nEverything has ended.", file=out)
    return 0


def run(directory: Path, out: TextIO) -> None:
    """Starts everything, prints where it is, and waits for KeyboardInterrupt to end it."""
    print(
        "Starts Redis, Pushgateway, dataClay, Prometheus and two clients ...", file=out, flush=True
    )
    with deployment.running(directory) as running:
        running.client(rounds=3).wait_for_success()
        client = running.client()
        urls = running.urls()
        lines = ["", *(f"  {name:15} {url}" for name, url in urls.items()), ""]
        if not has_pages(urls["Prometheus"]):
            lines += ["This Prometheus comes without its web pages: use the console, or the API."]
        lines += ["One client works, and one has ended. Ctrl-C ends all of it."]
        print("\n".join(lines), file=out, flush=True)
        try:
            watch({"client": client} | dict(zip(SERVICES, running.services, strict=True)))
        except KeyboardInterrupt:
            client.touch("end")
            client.wait()
            for service in reversed(running.services):
                service.terminate()


def has_pages(prometheus: str) -> bool:
    """Returns whether it serves web pages. Debian's looks for them outside of target/servers."""
    try:
        servers.get(prometheus)
    except HTTPError as answer:
        answer.close()
        return False
    return True


def watch(programs: dict[str, Program]) -> None:
    """Raises AssertionError once one of the programs has ended, with the end of its log."""
    while True:
        for name, program in programs.items():
            if program.process.poll() is not None:
                raise AssertionError(f"the {name} has ended:\n{program.text()[-3000:]}")
        time.sleep(0.2)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
