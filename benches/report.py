"""Runs the benchmarks in several rounds; writes benches/RESULTS.md and the pictures in docs/.

    python3 benches/report.py [ROUNDS]

Rounds are there because a machine is never quiet for long: the minimum over all of them is what the
code costs, and the median is what it cost on that day. Every ratio is one of minima of one run.
"""

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict
from datetime import date
from pathlib import Path

import plot

ROOT = Path(__file__).resolve().parent.parent
CARGO = ["cargo", "bench", "--quiet", "--package", "dataclay-metrics-benches"]
BENCHES = ["increment", "labels", "read", "encode"]
PEERS = ["prometheus", "prometheus-client", "metrics", "metrics, handle held", "fastmetrics"]
PEERS += ["measured", "measured, all texts known beforehand", "contatori", "fast-counter"]
PEERS += ["metrics-exporter-prometheus"]
HAND = "limit: written by hand"


def run(samples):
    """One round: adds the nanoseconds of each operation to its list."""
    for bench in BENCHES:
        # A benchmark that fails ends the report.
        subprocess.run([*CARGO, "--bench", bench], cwd=ROOT, check=True, capture_output=True)
    for file in (ROOT / "target/criterion").glob("**/new/sample.json"):
        about = json.loads((file.parent / "benchmark.json").read_text())
        operations = (about["throughput"] or {}).get("Elements", 1)
        sample = json.loads(file.read_text())
        for time, times in zip(sample["times"], sample["iters"], strict=True):
            key = (about["group_id"], about["function_id"], int(about["value_str"]))
            samples[key].append(time / times / operations)


def bytes_per_counter(threads):
    command = [*CARGO, "--bench", "memory", "--", str(threads)]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    taken, counters = re.search(r"memory: (\d+) bytes for (\d+) counters", out).groups()
    return int(taken) / int(counters)


def beside():
    """What a gather costs a thread that counts: by its size, the quartiles of ratios and nanoseconds."""
    command = [*CARGO, "--bench", "beside"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    lines = re.findall(r"beside (.*): (.*)", out)
    return {what: [float(figure) for figure in figures.split()] for what, figures in lines}


def goals(least, middle, memory, besides):
    """Each line of the goals: what, the rule, the figure, whether it is met."""

    def inc(name, threads):
        return least["increment", name, threads]

    def fastest_peer(group, value):
        return min(least[group, peer, value] for peer in PEERS if (group, peer, value) in least)

    threads = sorted({value for group, _, value in least if group == "increment"})
    flat = [t for t in threads if t <= os.cpu_count()]

    def worst(ours, limit):
        return max(inc(ours, t) / inc(limit, t) for t in threads)

    def at_most(what, limit, figure, unit="x"):
        yield what, f"≤ {limit:g} {unit}", f"{figure:.2f} {unit}", figure <= limit

    def at_least(what, limit, figure):
        yield what, f"≥ {limit:g} x", f"{figure:.1f} x", figure >= limit

    yield from at_most(
        "`inc`, same counter, against the sketch, worst of all threads",
        1.15,
        worst("ours", "sketch"),
    )
    yield from at_most(
        f"the same on {flat[-1]} threads against 1", 1.15, inc("ours", flat[-1]) / inc("ours", 1)
    )
    rotating = ", rotating over 8"
    yield from at_most(
        "`inc`, rotating over 8, against the sketch",
        2,
        worst("ours" + rotating, "sketch" + rotating),
    )
    yield from at_least(
        "against `prometheus::IntCounter`, 1 thread", 2.3, inc("prometheus", 1) / inc("ours", 1)
    )
    if 4 in flat:
        # Their minimum is of a moment in which the four did not run at once.
        theirs, ours = (middle["increment", name, 4] for name in ("prometheus", "ours"))
        yield from at_least("the same, 4 threads on one counter, medians", 35, theirs / ours)
    yield from at_most(
        "labelled child held, against the same without labels",
        1.15,
        inc("ours, labelled child held", 1) / inc("ours", 1),
    )
    for count in [t for t in (1, 4) if t in flat]:
        figure = least["look-up", "ours", count] / fastest_peer("look-up", count)
        yield from at_most(f"label look-up against the fastest peer, threads: {count}", 1, figure)
    yield from at_most("read of one counter, 16 blocks", 100, least["read", "ours", 16], "ns")
    yield from at_most("read of one counter, 256 blocks", 1000, least["read", "ours", 256], "ns")
    yield from at_most("memory per counter and live thread", 16, memory, "B")
    for what, group, series in [
        ("5 metrics", "encode five", 5),
        ("10,000 series", "encode", 10_000),
    ]:
        ours = least[group, "ours", series]
        yield from at_most(
            f"gather and encode {what}, against written by hand",
            1.5,
            ours / least[group, HAND, series],
        )
        yield from at_least(
            f"gather and encode {what}, against the fastest peer",
            3,
            fastest_peer(group, series) / ours,
        )
    for what, (_, ratio, _, _) in besides.items():
        yield from at_most(
            f"`inc` beside a gather of {what} without pause, against unrelated work", 1.02, ratio
        )


def figure(samples):
    low, middle = min(samples), statistics.median(samples)
    unit, factor = next(u for u in [("ns", 1), ("µs", 1e3), ("ms", 1e6)] if low < 1e3 * u[1])
    return f"{low / factor:.3g} / {middle / factor:.3g} {unit}"


def table(samples, group):
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


def processor():
    match = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return match.group(1) if match else platform.processor()


def report(samples, memory, besides, rounds, load):
    least = {key: min(list_) for key, list_ in samples.items()}
    middle = {key: statistics.median(list_) for key, list_ in samples.items()}
    rust = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout
    yield "# What it costs"
    yield ""
    yield f"Written by `make bench` on {date.today()}; {rounds} rounds; {processor()}, {os.cpu_count()} cores,"
    yield f"{platform.system()} {platform.release()}, {rust.strip()}, fat LTO. Load before it began: {load:.1f};"
    yield "a load above 1 means that others used the machine, and the medians show it. Absolute figures"
    yield "move from machine to machine: compare ratios."
    yield ""
    yield "## Goals, by ratios of minima"
    yield ""
    yield "| | goal | measured | |"
    yield "|---|---:|---:|---|"
    for what, goal, measured, met in goals(least, middle, memory, besides):
        yield f"| {what} | {goal} | {measured} | {'met' if met else '**missed**'} |"
    for group, title in [
        ("increment", "Increment, by threads on one counter"),
        ("look-up", "Look-up by label value, with its increment, by threads"),
        ("read", "Read of one counter, by threads that have counted"),
        ("encode five", "Gather and encode 5 metrics"),
        ("encode", "Gather and encode, by series"),
    ]:
        yield from ["", f"## {title}", "", "Minimum / median.", "", *table(samples, group)]
    yield from ["", "## Increment beside a gather without pause, against beside unrelated work", ""]
    yield "| gather and encode | lower quartile | median | upper quartile | a gather takes |"
    yield "|---|---:|---:|---:|---:|"
    for what, (low, middle, high, cost) in besides.items():
        yield f"| {what} | {low:.3f} x | {middle:.3f} x | {high:.3f} x | {cost:.0f} ns |"
    yield ""
    yield "Of 300 pairs of slices that take turns. To read a word takes its cache line from the thread that"
    yield "counts, which must fetch it back: so much a gather takes, and the faster it is, the more often."
    yield ""
    yield "Threads are pinned, start together, and the figure is the processor time of one operation as"
    yield "one thread sees it; with more threads than cores they take turns. `prometheus-client` and"
    yield "`fastmetrics` look up a label that was made once; `measured` also one of a closed set of texts."


def pictures(samples):
    def line(group, name):
        points = {value: min(s) for (g, n, value), s in samples.items() if (g, n) == (group, name)}
        return sorted(points.items())

    names = ["ours", "contatori", "measured", "prometheus"]
    yield (
        "increment",
        "ns per increment, all threads on one counter",
        "threads",
        "ns",
        {name: line("increment", name) for name in names},
    )
    names = [HAND, "ours", "measured", "prometheus-client", "prometheus"]
    yield (
        "encode",
        "µs to gather and encode a labelled family",
        "series",
        "µs",
        {name: [(x, y / 1e3) for x, y in line("encode", name)] for name in names},
    )


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    load = os.getloadavg()[0]
    samples = defaultdict(list)
    # What an earlier run left behind is not of this one.
    shutil.rmtree(ROOT / "target/criterion", ignore_errors=True)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        run(samples)
    memory = (bytes_per_counter(16) - bytes_per_counter(0)) / 16
    text = "\n".join(report(samples, memory, beside(), rounds, load)) + "\n"
    (ROOT / "benches/RESULTS.md").write_text(text)
    for name, title, x, y, lines in pictures(samples):
        (ROOT / f"docs/{name}.svg").write_text(plot.svg(title, x, y, lines))
    print(text[: text.index("## Increment, by")])


if __name__ == "__main__":
    main()
