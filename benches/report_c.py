"""Runs the benchmark of the C library. Writes its part of RESULTS.md.

benches/report_c.py PROGRAM LIBRARY PEERS
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import results

TITLES = {
    "empty call": "an empty call",
    "plain add": "a plain add, exact only with one thread",
    "dcm_counter_inc": "`dcm_counter_inc`",
    "lock xadd": "`lock xadd`",
    "digitalocean style": "locks, as digitalocean/prometheus-client-c takes them",
    "empty observe": "an empty call with a number",
    "dcm_histogram_observe": "`dcm_histogram_observe`",
}
# A row of the output: name, minimum, median, ratio to an empty call.
ROW = r"(?m)^  (\S.*?) +([\d.]+) +([\d.]+) +([\d.]+) x$"


def report(output, library, load):
    """Yields the lines of the part."""
    yield from results.measured_by("make bench-c", load)
    yield "An increment or an observation through `dlopen`, in ns of processor time per call: minimum /"
    yield "median, with the call and the loop. All threads share one counter and one histogram."
    tables = re.split(r"^(\d+) threads?.*\n", output, flags=re.MULTILINE)[1:]
    threads = tables[::2]
    rows = [{name: figures for name, *figures in re.findall(ROW, table)} for table in tables[1::2]]
    goals = (
        results.at_most(
            f"`dcm_histogram_observe` against an empty call, threads: {n}",
            2.5,
            float(row["dcm_histogram_observe"][2]),
        )
        for n, row in zip(threads, rows, strict=True)
    )
    yield from [*results.goals(goals), "", "### One call, in ns", ""]
    heads = [head for n in threads for head in (f"threads: {n}", "in empty calls")]
    yield "| | " + " | ".join(heads) + " |"
    yield "|---|" + "---:|" * len(heads)
    for name in rows[0]:
        cells = [
            cell
            for row in rows
            for cell in (f"{row[name][0]} / {row[name][1]} ns", f"{row[name][2]} x")
        ]
        yield f"| {TITLES[name]} | " + " | ".join(cells) + " |"
    yield ""
    yield f"The stripped library has {Path(library).stat().st_size:,} bytes."


def main():
    load = os.getloadavg()[0]
    command = sys.argv[1:4]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = list(report(output, command[1], load))
    results.write("C", lines)
    print("\n".join(lines))


main()
