"""Writes the table of all rows, and the page benches/OUTLIVE.md with it."""

import os
import platform
import subprocess
from datetime import date
from pathlib import Path

from results import processor
from run import PUSH_INTERVAL, Figures

FILE = Path(__file__).resolve().parents[1] / "OUTLIVE.md"
COLUMNS = [
    "",
    "counts in",
    "dataClay's log",
    "sum at the end",
    "`increase()`",
    "between samples",
    "first samples",
    "seen",
    "groups",
    "`resets()`",
    "against the log",
]
HEADER = [f"|{' | '.join(COLUMNS)} |", f"|---|---|{'---:|' * 8}---|"]


def line(title: str, counts: str, figures: Figures) -> str:
    """Returns a line of the table."""
    log = f"{figures.log:,}" + (f" ± {figures.uncertain}" if figures.uncertain else "")
    numbers = [figures.total, figures.increase, figures.seen, figures.first]
    cells = [title, counts, log, *(f"{number:,.0f}" for number in numbers)]
    cells += [
        f"{figures.seen / figures.log:.0%}",
        str(figures.groups),
        f"{figures.resets:.0f}",
        ", ".join(figures.faults()) or "equal",
    ]
    return "| " + " | ".join(cells) + " |"


def _commit() -> str:
    """Returns the measured commit, with " with changes" if the work tree differs from it."""
    command = ["git", "describe", "--always", "--dirty= with changes", "--exclude=*"]
    described = subprocess.run(command, check=False, stdout=subprocess.PIPE, cwd=FILE.parent)
    return described.stdout.decode().strip() or "unknown"


def write(lines: list[str], arguments: list[str]) -> None:
    """Replaces the page."""
    command = " ".join(["make outlive", *([f'ARGS="{" ".join(arguments)}"'] if arguments else [])])
    FILE.write_text(f"""# Counts that outlive their process

Measured on {date.today()}, commit {_commit()}; {processor()},
{os.cpu_count()} cores, {platform.system()} {platform.release()}. The command was:

```sh
{command}
```

It runs dataClay, Prometheus 3 and Pushgateway, and ends processes in every way.

* Each row counts lookups, hits and misses together. dataClay's log has a line for each. A signal
  may end a process between a count and its line, so those rows have an uncertainty.
* Prometheus scrapes every second unless the row names another interval. Clients push every
  {PUSH_INTERVAL} seconds, and when they end.
* **private** is `DATACLAY_METRICS_DIR=none`. **start-times** is a segment, pushed in protobuf, with
  a Prometheus that takes start times.
* The clients that are scraped, and those that SIGTERM ends, have a resident `dataclay-metrics
  serve`. With private memory there is none.
* The containers start twice, each time with a new `/dev/shm`, so they leave four groups.

{chr(10).join([*HEADER, *lines])}

* **sum at the end**: what `sum()` returns after the last program has ended.
* **between samples**: `increase()` over the run without its extrapolation.
* **first samples**: `increase()` cannot count the first sample of a series.
* **seen**: the share of the log that `increase()` sees between samples.
* **against the log**: whether the sum, and both columns of samples together, equal the log.
""")
