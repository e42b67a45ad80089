"""Measures the Python package, prometheus_client and a lower limit, in one run.

    benches/python/bench.py [--quick] [--json]

Times are nanoseconds of processor time per call, including the loop: minimum / median over the
rounds. Ratios compare minima. The calls take turns in every round, and all turns are equally long,
so other load affects all calls alike. The floor is a C method without arguments, `dict().clear`.
Most rows look the method up on an object at each call. The rows "method held" hold a bound method.
"""

import gc
import json
import platform
import statistics
import subprocess
import sys
import sysconfig
import time
import timeit
from functools import partial

import dataclay_metrics as ours
import prometheus_client as theirs
from registries import five_metrics, one_family

QUICK = "--quick" in sys.argv
JSON = "--json" in sys.argv  # print JSON instead of tables, for benches/report_python.py
ROUNDS = 99 if QUICK else 499
TURN = 200_000  # nanoseconds; some of such short turns are not interrupted


def timed(call, target):
    """Returns a function that measures `call` in nanoseconds. `c` in the call is `target`."""
    timer = timeit.Timer(call, "c = target", time.process_time_ns, {"target": target})
    calls = int(TURN / min(timer.timeit(100) / 100 for _ in range(20)))
    return lambda: timer.timeit(calls) / calls


def measured(runs, rounds=ROUNDS):
    """Calls all of `runs` in turns. Returns the minimum and the median of each by name."""
    seen = {name: [] for name in runs}
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        for name, run in runs.items():
            seen[name].append(run())
    gc.enable()
    for name, times in seen.items():
        if min(times) <= 0:
            sys.exit(f"{name}: a turn took {min(times)} ns; the processor's clock must advance")
    return {name: (min(times), statistics.median(times)) for name, times in seen.items()}


def repeated(times, work, *arguments):
    """Returns a function that measures several calls, because the clock is too coarse for one."""

    def run():
        begin = time.process_time_ns()
        for _ in range(times):
            work(*arguments)
        return (time.process_time_ns() - begin) / times

    return run


def child(code):
    """Runs the code in a new interpreter. Returns the JSON that it prints."""
    return json.loads(
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    )


IMPORT = """
import json, time
def resident():
    with open("/proc/self/smaps_rollup") as smaps:  # statm is not exact
        next(smaps)
        sizes = dict(line.split()[:2] for line in smaps)
    return 1024 * int(sizes["Rss:"]), 1024 * int(sizes["Private_Dirty:"])
(memory, private), begin = resident(), time.process_time_ns()
import {module}
took, (memory_now, private_now) = time.process_time_ns() - begin, resident()
print(json.dumps([took, memory_now - memory, private_now - private]))
"""


def interpreter():
    """Returns the version of the interpreter, and whether it was built with PGO."""
    # Debian builds with PGO, although CONFIG_ARGS does not show it.
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    optimised |= sys.base_prefix == "/usr"
    return f"CPython {platform.python_version()} ({'PGO' if optimised else 'no PGO'})"


def calls():
    """Returns the minimum and the median nanoseconds of each call."""
    plain = ours.Counter("plain", "Plain", registry=None)
    labelled = ours.Counter("labelled", "Labelled", ["who"], registry=None)
    their_plain = theirs.Counter("plain", "Plain", registry=None)
    their_labelled = theirs.Counter("labelled", "Labelled", ["who"], registry=None)
    gauge = ours.Gauge("gauge", "A gauge", registry=None)
    histogram = ours.Histogram("histogram", "A histogram", registry=None)
    native = (3, 1e-6, 1e3)
    native = ours.Histogram("native", "Native buckets", registry=None, native_buckets=native)
    their_histogram = theirs.Histogram("histogram", "A histogram", registry=None)
    return measured(
        {
            "empty loop": timed("pass", None),
            "floor": timed("c.clear()", {}),
            "inc()": timed("c.inc()", plain),
            "inc(2)": timed("c.inc(2)", plain),
            "inc(2000)": timed("c.inc(2000)", plain),
            "inc(2.5)": timed("c.inc(2.5)", plain),
            "inc(amount=2)": timed("c.inc(amount=2)", plain),
            "held child: inc()": timed("c.inc()", labelled.labels("x")),
            'labels("x").inc()': timed('c.labels("x").inc()', labelled),
            "floor, method held": timed("c()", {}.clear),
            "inc(), method held": timed("c()", plain.inc),
            "gauge.set(2.5)": timed("c.set(2.5)", gauge),
            "gauge.inc()": timed("c.inc()", gauge),
            "observe()": timed("c.observe(0.5)", histogram),
            "observe(), native buckets": timed("c.observe(0.5)", native),
            "prometheus_client observe()": timed("c.observe(0.5)", their_histogram),
            "prometheus_client inc()": timed("c.inc()", their_plain),
            "prometheus_client inc(2.5)": timed("c.inc(2.5)", their_plain),
            'prometheus_client labels("x").inc()': timed('c.labels("x").inc()', their_labelled),
        }
    )


def encoded():
    """Returns the minimum and the median nanoseconds of generate_latest, by series and library."""
    found = {}
    many = partial(one_family, children=10_000)
    for series, registry, times, rounds in ((5, five_metrics, 20, ROUNDS), (10_000, many, 1, 5)):
        found[series] = measured(
            {
                "ours": repeated(times, ours.generate_latest, registry(ours)),
                "theirs": repeated(times, theirs.generate_latest, registry(theirs)),
            },
            rounds,
        )
    return found


def imports():
    """Returns the nanoseconds, the bytes and the private bytes of each import, by module."""
    return {
        module: [child(IMPORT.format(module=module)) for _ in range(5 if QUICK else 15)]
        for module in ("dataclay_metrics", "prometheus_client")
    }


def show(times, encodings, imported):
    """Prints all figures as tables."""
    print(f"{interpreter()}, {platform.machine()}, {sys.executable}")
    their_inc = times["prometheus_client inc()"][0]
    their_labels = times['prometheus_client labels("x").inc()'][0]
    their_observe = times["prometheus_client observe()"][0]
    print(
        f"\n{'ns per call':38} {'min':>8} {'median':>8} {'x floor':>8} {'faster than theirs':>19}"
    )
    for name, (least, median) in times.items():
        floor = times["floor, method held" if "method held" in name else "floor"][0]
        base = their_labels if "labels(" in name else their_inc
        base = their_observe if "observe(" in name else base
        ratio = f"{base / least:18.1f}x" if "inc(" in name or "observe(" in name else ""
        print(f"{name:38} {least:8.1f} {median:8.1f} {least / floor:8.2f} {ratio}")

    print(f"\n{'generate_latest, µs':38} {'ours':>17} {'theirs':>21} {'faster':>8}")
    for series, both in encodings.items():
        (a, b), (c, d) = both["ours"], both["theirs"]
        print(
            f"{series:6,} series{'':24} {a / 1e3:8.1f} /{b / 1e3:7.1f}"
            f" {c / 1e3:10.1f} /{d / 1e3:9.1f} {c / a:7.0f}x"
        )

    print(f"\n{'import':38} {'ms (min/median)':>17} {'MiB':>8} {'private':>8}")
    for module, seen in imported.items():
        took, grown, private = zip(*seen, strict=True)
        print(
            f"{module:38} {min(took) / 1e6:8.1f} /{statistics.median(took) / 1e6:7.1f}"
            f" {statistics.median(grown) / 2**20:8.1f} {statistics.median(private) / 2**20:8.1f}"
        )


def main():
    if JSON:
        print(json.dumps([interpreter(), calls(), encoded(), imports()]))
    else:
        show(calls(), encoded(), imports())


main()
