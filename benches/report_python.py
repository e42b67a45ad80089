"""Runs benches/python/bench.py on several interpreters. Writes its part of RESULTS.md and a chart.

benches/report_python.py [--quick] PYTHON...
"""

import json
import os
import statistics
import subprocess
import sys

import plot
import results

# The calls of the chart: of this package, and of prometheus_client.
CHART = {
    "inc()": "prometheus_client inc()",
    'labels("x").inc()': 'prometheus_client labels("x").inc()',
    "observe()": "prometheus_client observe()",
}


def report(measured, load):
    """Yields the lines of the part."""
    yield from results.measured_by("make bench-python", load)
    versions = [version for version, *_ in measured]
    header = ["| | " + " | ".join(versions) + " |", "|---|" + "---:|" * len(versions)]

    yield "### Goals, by minima, on the worst interpreter"
    yield from results.goals(goals(measured))
    yield ""
    yield "### One call, in ns"
    yield ""
    yield "Processor time, minimum / median, with the loop. The floor is a C method without arguments,"
    yield "`dict().clear`. All times of this part are processor time."
    yield from ["", *header]
    names = list(measured[-1][1])
    for name in names:
        cells = (f"{calls[name][0]:.1f} / {calls[name][1]:.1f}" for _, calls, *_ in measured)
        yield f"| {code(name)} | " + " | ".join(cells) + " |"

    yield from ["", "### How many times faster than prometheus_client, by minima", "", *header]
    for name in names:
        if (other := f"prometheus_client {name}") in names:
            cells = (f"{calls[other][0] / calls[name][0]:.1f} x" for _, calls, *_ in measured)
            yield f"| {code(name)} | " + " | ".join(cells) + " |"
    for series in measured[-1][2]:
        cells = []
        for _, _, encoded, _ in measured:
            ours, theirs = (encoded[series][who][0] for who in ("ours", "theirs"))
            cells.append(f"{theirs / ours:.0f} x ({duration(ours)} against {duration(theirs)})")
        yield f"| `generate_latest()`, {int(series):,} series | " + " | ".join(cells) + " |"

    yield from ["", "### Import, median time and memory", ""]
    yield "In brackets: the part that the process has written. All processes share the other pages, which"
    yield "are code of the library. The kernel maps 64 KiB around each page in use."
    yield from ["", *header]
    for module in measured[-1][3]:
        cells = []
        for *_, imports in measured:
            took, grown, private = map(statistics.median, zip(*imports[module], strict=True))
            mebibytes = f"{grown / 2**20:.1f} MiB ({private / 2**20:.1f})"
            cells.append(f"{took / 1e6:.1f} ms, {mebibytes}")
        yield f"| `{module}` | " + " | ".join(cells) + " |"


def goals(measured):
    """Yields the goals: what is measured, the rule, the figure, whether it is met."""

    def ratios(one, other):
        return [calls[one][0] / calls[other][0] for _, calls, *_ in measured]

    what = "against a C method without arguments"
    yield results.at_most(f"`inc()` {what}", 1.25, max(ratios("inc()", "floor")))
    yield results.at_most(f"`observe()` {what}", 1.6, max(ratios("observe()", "floor")))
    theirs = ratios("prometheus_client observe()", "observe()")
    yield results.at_least("`observe()` against prometheus_client", 25, min(theirs))
    imports = [zip(*imported["dataclay_metrics"], strict=True) for *_, imported in measured]
    medians = [[statistics.median(figures) for figures in imported] for imported in imports]
    took, grown, _ = (max(figures) for figures in zip(*medians, strict=True))
    yield results.at_most("import, median time", 5, took / 1e6, "ms")
    yield results.at_most("import, median memory", 2, grown / 2**20, "MiB")


def duration(nanoseconds):
    return f"{nanoseconds / 1e3:.3g} µs" if nanoseconds < 1e6 else f"{nanoseconds / 1e6:.3g} ms"


def code(name):
    """Returns the name of a row of bench.py, with its call as code."""
    words, _, call = name.rpartition(" ") if name.endswith(")") else (name, "", "")
    return f"{words} `{call}`".strip() if call else words


def chart(measured):
    """Returns the chart of the newest interpreter."""
    # Distributions ship optimised builds, so the chart shows one if there is one.
    optimised = [m for m in measured if m[0].endswith("(PGO)")]
    version, calls, *_ = (optimised or measured)[-1]
    rows = {
        ours: {"dataclay_metrics": calls[ours][1], "prometheus_client": calls[theirs][1]}
        for ours, theirs in CHART.items()
        if ours in calls and theirs in calls
    }
    return plot.bar_chart(f"Python: ns per call, medians ({version.split(' (')[0]})", "ns", rows)


def main():
    load = os.getloadavg()[0]
    quick = ["--quick"] if "--quick" in sys.argv else []
    measured = []
    for python in sys.argv[1 + len(quick) :]:
        command = [python, results.ROOT / "benches/python/bench.py", "--json", *quick]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        measured.append(json.loads(done.stdout))
        print(f"measured {measured[-1][0]}", flush=True)
    lines = list(report(measured, load))
    results.write("Python", lines)
    (results.ROOT / "docs/python.svg").write_text(chart(measured))
    print("\n".join(lines))


main()
