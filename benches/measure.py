"""Runs the Rust benchmarks, and reads their figures."""

import json
import re
import shutil
import subprocess
import sys

from results import ROOT

CARGO = ["cargo", "bench", "--quiet", "--package", "dataclay-metrics-benches"]
BENCHES = ["increment", "labels", "read", "encode", "histograms"]


def run_round(samples, options):
    """Runs one round. Adds the nanoseconds of each operation to its list in `samples`."""
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
    """Runs a benchmark. Returns what it prints, or exits if it fails."""
    command = [*CARGO, "--bench", bench, "--", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(
            f"{done.stdout}{done.stderr}The benchmark {bench} failed: status {done.returncode}"
        )
    return done.stdout


def bytes_per_thread(*metrics):
    """Returns the bytes of RAM of one counter, or of one histogram, for each thread."""

    def bytes_of_one(threads):
        out = output("memory", str(threads), *metrics)
        taken, number = re.search(r"memory: (\d+) bytes for (\d+) ", out).groups()
        return int(taken) / int(number)

    return (bytes_of_one(16) - bytes_of_one(0)) / 16


def gathers():
    """Returns the quartiles by which gathers slow a counting thread, and nanoseconds, by size."""
    lines = re.findall(r"gather (.*): (.*)", output("gather"))
    return {what: [float(figure) for figure in figures.split()] for what, figures in lines}


def nginx():
    """Returns the path of nginx, from PATH or from Debian's package, or None without either."""
    if path := shutil.which("nginx"):
        return path
    unpacked = ROOT / "target/nginx"
    if not (unpacked / "bin/nginx").exists():
        command = [ROOT / "tests/unpack-debs.sh", unpacked, "nginx"]
        if subprocess.run(command, check=False).returncode:
            return None
    return unpacked / "bin/nginx"


def scrapes():
    """Returns the minimum and the quartiles of a scrape, by size and server."""
    if not (path := nginx()):
        return {}
    lines = re.findall(r"scrape (.*), (.*): (.*)", output("scrape", "--nginx", str(path)))
    return {(size, name): [float(f) for f in figures.split()] for size, name, figures in lines}


def segments():
    """Returns the nanoseconds of a first count, a later one and an observation, by memory."""
    row = r"(.*): first count (\S+) ns, inc (\S+) ns, observe (\S+) ns"
    rows = re.findall(row, output("segment"))
    return {name: [float(figure) for figure in figures] for name, *figures in rows}
