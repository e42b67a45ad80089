"""Keeps benches/RESULTS.md, which has one part for each language."""

import os
import platform
import re
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "benches/RESULTS.md"
PARTS = ["Rust", "Python", "C"]
HEAD = """# What it costs

`make bench` measures everything; `make bench-python` and `make bench-c` measure one part. Each part
names its day and machine. Absolute figures differ from machine to machine: compare ratios.
"""


def measured_by(command, load):
    """Yields the first lines of a part: the command, the day, the machine and its load."""
    yield f"Measured by `{command}` on {date.today()}; {processor()}, {os.cpu_count()} cores,"
    yield f"{platform.system()} {platform.release()}. The load before the run was {load:.1f}. Above 1, other"
    yield "programs used the machine, and the medians show it."
    yield ""


def at_most(what, limit, figure, unit="x"):
    """Returns a goal: what is measured, the rule, the figure, whether it is met."""
    return what, f"≤ {limit:g} {unit}", f"{figure:.2f} {unit}", figure <= limit


def at_least(what, limit, figure):
    """Returns a goal as `at_most` does, for a ratio that should be large."""
    return what, f"≥ {limit:g} x", f"{figure:.2f} x", figure >= limit


def goals(rows):
    """Yields the lines of a table of goals."""
    yield from ["", "| | goal | measured | |", "|---|---:|---:|---|"]
    for what, goal, measured, met in rows:
        yield f"| {what} | {goal} | {measured} | {'met' if met else '**missed**'} |"


def processor():
    """Returns the name of the processor."""
    match = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return match.group(1) if match else platform.processor()


def write(part, lines):
    """Replaces one part of the file. The others stay unchanged."""
    text = FILE.read_text() if FILE.exists() else ""
    parts = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    parts[part] = "\n" + "\n".join(lines).strip("\n") + "\n\n"
    FILE.write_text(HEAD + "".join(f"\n## {p}\n{parts[p].rstrip()}\n" for p in PARTS if p in parts))
