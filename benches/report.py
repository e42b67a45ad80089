"""Runs the Rust benchmarks in several rounds. Writes their part of RESULTS.md and two charts.

    python3 benches/report.py [--quick] [ROUNDS]

A machine is seldom quiet for long, so there are several rounds. The minimum over all rounds is the
cost of the code; the median is its cost on that day. Ratios compare minima of one run, unless the
name of the goal says otherwise. A quick round takes two samples of a row instead of twenty, which
shows that all parts work.
"""

import os
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict

import goals
import measure
import plot
import results
from results import ROOT


def figure(samples):
    """Returns the minimum and the median with their unit."""
    low, middle = min(samples), statistics.median(samples)
    unit, factor = next(u for u in [("ns", 1), ("µs", 1e3), ("ms", 1e6)] if low < 1e3 * u[1])
    return f"{low / factor:.3g} / {middle / factor:.3g} {unit}"


def table(samples, group):
    """Yields the lines of a table: a row for each name, a column for each value."""
    values = sorted({value for of, _, value in samples if of == group})
    names = list(dict.fromkeys(name for of, name, _ in samples if of == group))
    names.sort(key=lambda name: min(samples[group, name, v][0] for v in values))
    yield "| | " + " | ".join(f"{value:,}" for value in values) + " |"
    yield "|---|" + "---:|" * len(values)
    for name in sorted(names, key=lambda name: min(samples[group, name, values[-1]])):
        cells = (
            figure(samples[group, name, v]) if (group, name, v) in samples else "" for v in values
        )
        yield f"| {name} | " + " | ".join(cells) + " |"


def report(samples, measured, rounds, load):
    """Yields the lines of the part."""
    least = {key: min(list_) for key, list_ in samples.items()}
    middle = {key: statistics.median(list_) for key, list_ in samples.items()}
    memory, gathers, scraped, segment = measured
    rust = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout
    yield from results.measured_by("make bench", load)
    yield f"{rounds}; {rust.strip()}, fat LTO."
    yield ""
    yield "### Goals, by ratios of minima unless named otherwise"
    yield from results.goals(goals.rows(least, middle, memory, gathers, scraped, segment))
    for group, title in [
        ("increment", "Increment, by threads on one counter"),
        ("look-up", "Look-up by label value, with its increment, by threads"),
        ("read", "Read of one counter, by threads that have counted"),
        ("encode five", "Gather and encode 5 metrics"),
        ("encode", "Gather and encode, by series"),
        ("observe", "Observation in a histogram of 14 bounds, by threads"),
        ("encode histograms", "Gather and encode histograms of 14 bounds"),
    ]:
        yield from ["", f"### {title}", "", "Minimum / median.", "", *table(samples, group)]
    yield from ["", "### A whole scrape over a loopback socket", ""]
    yield "| | minimum | lower quartile | median | upper quartile |"
    yield "|---|---:|---:|---:|---:|"
    for size in goals.SIZES if scraped else []:
        for name, title, unit in [
            ("ours", "this crate", "µs"),
            ("nginx", "nginx and a file", "µs"),
            ("ours/nginx", "ratio in a round", "x"),
            ("nginx/nginx", "noise: a second nginx against the first", "x"),
        ]:
            cells = " | ".join(f"{figure:.3g} {unit}" for figure in scraped[size, name])
            yield f"| {size}: {title} | {cells} |"
    yield ""
    yield "Times run from connect to the end of the response, with one connection at a time and without gzip."
    yield "Both servers send the same bytes. They share one core; the client has another core if there is"
    yield "one. The servers take turns in slices of a millisecond, and each round yields one ratio."
    yield from ["", "### Private memory and a segment", ""]
    yield "| least of 40 processes | first count | increment | observation |"
    yield "|---|---:|---:|---:|"
    for name, (first, inc, observe) in segment.items():
        yield f"| {name} | {first / 1e3:.1f} µs | {inc:.2f} ns | {observe:.2f} ns |"
    yield from ["", "### Increment during continuous gathers, against unrelated work", ""]
    yield "| gather and encode | lower quartile | median | upper quartile | cost of one gather |"
    yield "|---|---:|---:|---:|---:|"
    for what, (low, middle, high, cost) in gathers.items():
        yield f"| {what} | {low:.3f} x | {middle:.3f} x | {high:.3f} x | {cost:.0f} ns |"
    yield ""
    yield "Quartiles of 300 pairs of slices that take turns. A read fetches the cache line of the counting"
    yield "thread, which must fetch it back. The last column is that cost; it shows more in faster gathers."
    yield ""
    yield "In the tables of increments and look-ups, threads are pinned and start together. The figure is"
    yield "the processor time of one operation in one thread; more threads than cores take turns."
    yield "`prometheus-client` and `fastmetrics` look up a label that was made once. `measured` has a row"
    yield "for open texts and one for a closed set of texts."


def charts(samples):
    """Yields each chart: file, title, axes and lines."""

    def line(group, name):
        return sorted(
            (value, statistics.median(times))
            for (g, n, value), times in samples.items()
            if (g, n) == (group, name)
        )

    names = ["ours", "contatori", "measured", "prometheus"]
    yield (
        "increment",
        "Rust: ns per increment, medians, all threads on one counter",
        "threads",
        "ns",
        {name: line("increment", name) for name in names},
    )
    names = [goals.HAND, "ours", "measured", "prometheus-client", "prometheus"]
    yield (
        "encode",
        "Rust: µs to gather and encode a labelled family, medians",
        "series",
        "µs",
        {name: [(x, y / 1e3) for x, y in line("encode", name)] for name in names},
    )


def main():
    arguments = sys.argv[1:]
    quick = ["--quick"] if "--quick" in arguments else []
    rounds = int(arguments[len(quick)]) if arguments[len(quick) :] else 3
    load = os.getloadavg()[0]
    samples = defaultdict(list)
    # An earlier run may have left samples here.
    shutil.rmtree(ROOT / "target/criterion", ignore_errors=True)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        measure.run_round(samples, quick)
    memory = measure.bytes_per_thread(), measure.bytes_per_thread("histograms")
    measured = memory, measure.gathers(), measure.scrapes(), measure.segments()
    title = f"Rounds: {rounds}{', quick' if quick else ''}"
    lines = list(report(samples, measured, title, load))
    results.write("Rust", lines)
    for name, title, x, y, drawn in charts(samples):
        (ROOT / f"docs/{name}.svg").write_text(plot.lines_chart(title, x, y, drawn))
    print("\n".join(lines[: lines.index("### Increment, by threads on one counter")]))


if __name__ == "__main__":
    main()
