"""Runs the dataClay program of the README."""

import re
from pathlib import Path

from stack import Stack, exporting

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_program_runs_as_printed(dataclay: Stack) -> None:
    programs = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    (program,) = (program for program in programs if "from dataclay import" in program)
    client = dataclay.client(program, way="pth", **exporting("http", 0)).ends_well()
    (line,) = client.lines("lookups found their object in memory")
    assert int(line.split()[0]) > 0
