"""Starts a Prometheus that scrapes the demo."""

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

PROGRAM = "prometheus"
PATIENCE = 20.0  # seconds until a Prometheus that does not respond has failed
# The rules and the console of a clone; a wheel has none.
FILES = Path(__file__).parents[4] / "docs" / "deploy"
_OPENER = build_opener(ProxyHandler({}))  # ignores the proxy variables of the environment
QUERY = "rate(dataclay_inmemory_hits_total[15s])"


@contextmanager
def running(target: str) -> Iterator[list[str]]:
    """Runs a Prometheus during the block, and provides lines with its URLs.

    ``target`` is the HOST:PORT that it scrapes each second. Its files are removed at the end.
    Raises OSError if it does not start.
    """
    if shutil.which(PROGRAM) is None:
        raise FileNotFoundError(
            f"{PROGRAM} is not on PATH: install it (apt-get install prometheus), or leave out"
            " --prometheus"
        )
    with tempfile.TemporaryDirectory(prefix="dataclay-metrics-demo-") as name:
        directory = Path(name)
        rules = FILES / "rules.yml"
        jobs = {"job_name": "dataclay", "static_configs": [_of(target)]}
        # JSON is valid YAML.
        (directory / "prometheus.yml").write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                    "rule_files": [str(rules)] if rules.exists() else [],
                    "scrape_configs": [jobs],
                }
            )
        )
        address = f"127.0.0.1:{_free_port()}"
        command = [
            PROGRAM,
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address={address}",
            f"--web.console.templates={FILES / 'consoles'}",
        ]
        log = directory / "log"
        with log.open("wb") as output:
            # It has its own session, so Ctrl-C reaches only the demo, which then stops it.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            _wait_until_ready(process, address, log)
            yield list(_urls(address))
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _of(target: str) -> dict[str, object]:
    return {"targets": [target], "labels": {"service": "demo"}}


def _urls(address: str) -> Iterator[str]:
    query = quote(QUERY)
    try:
        _OPENER.open(f"http://{address}/graph", timeout=5).close()
    except HTTPError as answer:
        answer.close()
        yield f"Prometheus  http://{address}/api/v1/query?query={query}  (it has no web pages)"
    else:
        yield f"Prometheus  http://{address}/graph?g0.expr={query}&g0.tab=0&g0.range_input=5m"
        yield f"  alerts    http://{address}/alerts"
    if FILES.is_dir():
        yield f"  console   http://{address}/consoles/dataclay.html"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    """Raises OSError with the end of its log if Prometheus ends or does not respond."""
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up and process.poll() is None:
        try:
            _OPENER.open(f"http://{address}/-/ready", timeout=5).close()
        except HTTPError as answer:
            answer.close()  # it is reading its files
        except OSError:
            pass  # it is not listening yet
        else:
            return
        time.sleep(0.05)
    end = log.read_text(errors="replace").strip().rpartition("\n")[2]
    raise OSError(f"{PROGRAM} does not respond; the end of its log: {end}")
