"""Runs the Rust benchmarks in several rounds; writes their part of RESULTS.md and two charts.

    python3 benches/report.py [--quick] [ROUNDS]

A machine is seldom quiet for long, so there are several rounds. The minimum over all of them is
what the code costs; the median is what it cost on that day. Ratios compare minima of one run,
unless the name of the goal says otherwise. A quick round takes two samples of a row, not twenty:
enough to see that all parts work.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections import defaultdict

import plot
import results
from results import ROOT, at_least, at_most

CARGO = ["cargo", "bench", "--quiet", "--package", "dataclay-metrics-benches"]
BENCHES = ["increment", "labels", "read", "encode", "histograms"]
PEERS = ["prometheus", "prometheus-client", "metrics", "metrics, handle held", "fastmetrics"]
PEERS += ["measured", "measured, all texts known beforehand", "contatori", "fast-counter"]
PEERS += ["metrics-exporter-prometheus"]
HAND = "limit: written by hand"
SIZES = {"5 metrics": 1.1, "10,000 series": 1.5}  # of a scrape, each with its goal


def run(samples, options):
    """Runs one round; adds the nanoseconds of each operation to its list."""
    for bench in BENCHES:
        output(bench, *options)
    for file in (ROOT / "target/criterion").glob("**/new/sample.json"):
        about = json.loads((file.parent / "benchmark.json").read_text())
        operations = (about["throughput"] or {}).get("Elements", 1)
        sample = json.loads(file.read_text())
        for time, times in zip(sample["times"], sample["iters"], strict=True):
            key = (about["group_id"], about["function_id"], int(about["value_str"]))
            samples[key].append(time / times / operations)


def output(bench, *arguments):
    """Runs a benchmark; returns what it prints. If it fails, so does the report."""
    command = [*CARGO, "--bench", bench, "--", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout}{done.stderr}the benchmark {bench} failed: {done.returncode}")
    return done.stdout


def bytes_per_thread(*metrics):
    """Returns the bytes of RAM of one metric and live thread: of a counter, or of a histogram."""

    def bytes_of_one(threads):
        out = output("memory", str(threads), *metrics)
        taken, number = re.search(r"memory: (\d+) bytes for (\d+) ", out).groups()
        return int(taken) / int(number)

    return (bytes_of_one(16) - bytes_of_one(0)) / 16


def beside():
    """Returns what a gather costs a counting thread: by size, quartiles of ratios, nanoseconds."""
    lines = re.findall(r"beside (.*): (.*)", output("beside"))
    return {what: [float(figure) for figure in figures.split()] for what, figures in lines}


def nginx():
    """Returns the path of nginx: from PATH, or unpacked from Debian's package; None without it."""
    if path := shutil.which("nginx"):
        return path
    unpacked = ROOT / "target/nginx"
    if not (unpacked / "bin/nginx").exists():
        command = [ROOT / "tests/unpack-debs.sh", unpacked, "nginx"]
        if subprocess.run(command, check=False).returncode:
            return None
    return unpacked / "bin/nginx"


def scrapes():
    """Returns what a scrape takes: minimum, quartiles and median, by size and server."""
    if not (path := nginx()):
        return {}
    lines = re.findall(r"scrape (.*), (.*): (.*)", output("scrape", "--nginx", str(path)))
    return {(size, name): [float(f) for f in figures.split()] for size, name, figures in lines}


def segments():
    """Returns nanoseconds of a first count, a later one and an observation, by memory."""
    row = r"(.*): first count (\S+) ns, inc (\S+) ns, observe (\S+) ns"
    rows = re.findall(row, output("segment"))
    return {name: [float(figure) for figure in figures] for name, *figures in rows}


def goals(least, middle, memory, besides, scraped, segment):
    """Yields the goals: what is measured, the rule, the figure, whether it is met."""

    def inc(name, threads):
        return least["increment", name, threads]

    def fastest_peer(group, value):
        return min(least[group, peer, value] for peer in PEERS if (group, peer, value) in least)

    threads = sorted({value for group, _, value in least if group == "increment"})
    flat = [t for t in threads if t <= os.cpu_count()]

    def worst(ours, limit):
        return max(inc(ours, t) / inc(limit, t) for t in threads)

    yield at_most(
        "`inc`, same counter, against the sketch, worst of all threads",
        1.15,
        worst("ours", "sketch"),
    )
    yield at_most(
        f"the same on {flat[-1]} threads against 1", 1.15, inc("ours", flat[-1]) / inc("ours", 1)
    )
    rotating = ", rotating over 8"
    yield at_most(
        "`inc`, rotating over 8, against the sketch",
        2,
        worst("ours" + rotating, "sketch" + rotating),
    )
    yield at_least(
        "against `prometheus::IntCounter`, 1 thread", 2.3, inc("prometheus", 1) / inc("ours", 1)
    )
    if 4 in flat:
        # These are not minima, because prometheus is fastest at moments when the four threads take
        # turns.
        theirs, ours = (middle["increment", name, 4] for name in ("prometheus", "ours"))
        yield at_least("the same, 4 threads on one counter, medians", 35, theirs / ours)
    yield at_most(
        "the 1,000th counter against the first",
        1.15,
        inc("ours, the 1,000th counter", 1) / inc("ours", 1),
    )
    yield at_most(
        "labelled child held, against the same without labels",
        1.15,
        inc("ours, labelled child held", 1) / inc("ours", 1),
    )
    for count in [t for t in (1, 4) if t in flat]:
        figure = least["look-up", "ours", count] / fastest_peer("look-up", count)
        yield at_most(f"label look-up against the fastest peer, threads: {count}", 1, figure)
    yield at_most("read of one counter, 16 blocks", 100, least["read", "ours", 16], "ns")
    yield at_most("read of one counter, 256 blocks", 1000, least["read", "ours", 256], "ns")
    per_counter, per_histogram = memory
    yield at_most("memory per counter and live thread", 16, per_counter, "B")
    limit = 16 * 15 + 32
    yield at_most("memory per histogram of 15 buckets and live thread", limit, per_histogram, "B")
    for what, group, series in [
        ("5 metrics", "encode five", 5),
        ("10,000 series", "encode", 10_000),
    ]:
        ours = least[group, "ours", series]
        if series > 5:  # for five metrics the goal is a whole scrape, below
            yield at_most(
                f"gather and encode {what}, against written by hand",
                1.5,
                ours / least[group, HAND, series],
            )
        yield at_least(
            f"gather and encode {what}, against the fastest peer",
            3,
            fastest_peer(group, series) / ours,
        )
    for name, goal in [("PrometheusProto", 1.2), ("OTLP", 1.5)]:
        text = least["encode formats", "text", 10_000]
        what = f"gather and encode 10,000 series in {name}, against our text"
        yield at_most(what, goal, least["encode formats", name, 10_000] / text)

    def observe(name, threads):
        return least["observe", name, threads]

    # One number again and again: each addition to a sum waits for the one before.
    same, inc = observe("ours", 1), observe("our `inc`", 1)
    yield at_most("`observe` of one number, 14 bounds, against `inc`", 2, same / inc)
    spread = observe("ours, spread over all buckets", 1)
    yield at_most("`observe` of many numbers, 14 bounds, against `inc`", 2, spread / inc)
    # One counter in registers is faster than any memory; many counters are in memory, as buckets.
    inc = observe("our `inc`, of one counter for each bucket", 1)
    what = "the same, against `inc` of one counter for each bucket, known beforehand"
    yield at_most(what, 2, spread / inc)
    yield at_most(
        f"the same on {flat[-1]} threads against 1", 1.15, observe("ours", flat[-1]) / same
    )
    # These are not minima either, for the reason above. Other peers may expose a sum that does not
    # fit its counts.
    peers = ("prometheus", "prometheus-client", "opentelemetry, bound")
    theirs = min(middle["observe", name, flat[-1]] for name in peers)
    ours = middle["observe", "ours", flat[-1]]
    what = f"the same on {flat[-1]} threads, against the fastest consistent peer, medians"
    yield at_least(what, 20, theirs / ours)
    group, number = "encode histograms", 1_000
    ours = least[group, "ours", number]
    what = "gather and encode 1,000 histograms, against"
    yield at_most(f"{what} written by hand", 1.5, ours / least[group, HAND, number])
    yield at_least(f"{what} the fastest peer", 3, fastest_peer(group, number) / ours)
    for what, (_, ratio, _, _) in besides.items():
        yield at_most(
            f"`inc` during continuous gathers of {what}, against unrelated work, median ratio",
            1.02,
            ratio,
        )
    for size, limit in SIZES.items():
        what = f"scrape of {size} over a socket, against nginx and a file, median ratio"
        if scraped:
            yield at_most(what, limit, scraped[size, "ours/nginx"][2])
        else:
            yield what, f"≤ {limit:g} x", "nginx not found", False
    private, small, large = segment.values()
    for what, (first, *_) in [("a segment", small), ("a segment of 1,000 families", large)]:
        yield at_most(f"first count of a process in {what}", 50, first / 1e3, "µs")
    for what, number in [("inc", 1), ("observe", 2)]:
        ratio = small[number] / private[number]
        yield at_most(f"`{what}` in a segment, against private memory", 1.05, ratio)


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


def report(samples, measured, rounds, load):
    least = {key: min(list_) for key, list_ in samples.items()}
    middle = {key: statistics.median(list_) for key, list_ in samples.items()}
    memory, besides, scraped, segment = measured
    rust = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True).stdout
    yield from results.measured_by("make bench", load)
    yield f"{rounds}; {rust.strip()}, fat LTO."
    yield ""
    yield "### Goals, by ratios of minima unless named otherwise"
    yield from results.goals(goals(least, middle, memory, besides, scraped, segment))
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
    for size, _ in SIZES.items() if scraped else []:
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
    for what, (low, middle, high, cost) in besides.items():
        yield f"| {what} | {low:.3f} x | {middle:.3f} x | {high:.3f} x | {cost:.0f} ns |"
    yield ""
    yield "Quartiles of 300 pairs of slices that take turns. A read fetches the cache line of the counting"
    yield "thread, which must fetch it back. The last column is that cost; it shows more in faster gathers."
    yield ""
    yield "In the tables of increments and look-ups, threads are pinned and start together. The figure is"
    yield "the processor time of one operation in one thread; more threads than cores take turns."
    yield "`prometheus-client` and `fastmetrics` look up a label that was made once. `measured` has a row"
    yield "for open texts and one for a closed set of texts."


def pictures(samples):
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
    names = [HAND, "ours", "measured", "prometheus-client", "prometheus"]
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
    # An earlier run may have left samples.
    shutil.rmtree(ROOT / "target/criterion", ignore_errors=True)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        run(samples, quick)
    memory = bytes_per_thread(), bytes_per_thread("histograms")
    measured = memory, beside(), scrapes(), segments()
    title = f"Rounds: {rounds}{', quick' if quick else ''}"
    lines = list(report(samples, measured, title, load))
    results.write("Rust", lines)
    for name, title, x, y, drawn in pictures(samples):
        (ROOT / f"docs/{name}.svg").write_text(plot.svg(title, x, y, drawn))
    print("\n".join(lines[: lines.index("### Increment, by threads on one counter")]))


if __name__ == "__main__":
    main()
