"""Runs the commands and the program in the section of the README about dataClay."""

import os
import re
import signal
import sys
from pathlib import Path

import servers
import stack

SECTION = (Path(__file__).parents[2] / "README.md").read_text().split("### With dataClay\n")[1]


def block(language: str, content: str) -> str:
    """Returns the first code block in this language that has this content."""
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)
    return next(text for text in blocks if content in text)


def test_the_commands_and_the_program_of_the_readme_run(tmp_path: Path) -> None:
    with stack.running(tmp_path) as running:
        run_commands_and_program(running)


def run_commands_and_program(running: stack.Stack) -> None:
    install, _, commands = block("sh", "dataclay.metadata").partition("\n")
    assert (
        install == "make wheel && pip install dataclay==4.3.1 dist/*.whl"
    )  # `make test` has installed both
    python = Path(sys.executable).parent
    ports = {
        "DATACLAY_METADATA_PORT": str(servers.free_port()),
        "DATACLAY_BACKEND_PORT": str(servers.free_port()),
        "DATACLAY_METRICS_PORT": "0",
        "DATACLAY_METRICS_HOST": "127.0.0.1",
        "PATH": f"{python}:{os.environ['PATH']}",
    }
    running.python = "bash"  # it runs until they end, as in a terminal
    shell = running.start("-c", f"{commands}wait", way="upstream", **ports)
    running.python = sys.executable
    try:
        shell.wait_for_line("Backend service started")
        assert len(shell.lines("serving metrics at http://127.0.0.1:")) == 2
        assert (shell.log.parent / "storage/BACKEND_ID").exists()

        variables = stack.exporting("http", 0) | ports
        client = running.client(block("python", "from dataclay import"), way="pth", **variables)
        (line,) = client.wait_for_success().lines("lookups found their object in memory")
        assert int(line.split()[0]) > 0
    finally:
        os.killpg(shell.process.pid, signal.SIGTERM)
    shell.wait()
