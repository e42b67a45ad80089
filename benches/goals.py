"""The goals of the Rust benchmarks."""

import os

from results import at_least, at_most

PEERS = ["prometheus", "prometheus-client", "metrics", "metrics, handle held", "fastmetrics"]
PEERS += ["measured", "measured, all texts known beforehand", "contatori", "fast-counter"]
PEERS += ["metrics-exporter-prometheus"]
HAND = "limit: written by hand"
# Each size of a whole scrape, and its goal.
SIZES = {"5 metrics": 1.1, "10,000 series": 1.5}


def rows(least, middle, memory, gathers, scraped, segment):
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
        # These are not minima: prometheus is fastest when the four threads happen to take turns.
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
        if series > 5:  # for five metrics, a whole scrape has the goal
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

    # With one number, each addition to the sum waits for the previous one.
    same, inc = observe("ours", 1), observe("our `inc`", 1)
    yield at_most("`observe` of one number, 14 bounds, against `inc`", 2, same / inc)
    spread = observe("ours, spread over all buckets", 1)
    yield at_most("`observe` of many numbers, 14 bounds, against `inc`", 2, spread / inc)
    # One counter stays in registers. Many counters are in memory, as buckets are.
    inc = observe("our `inc`, of one counter for each bucket", 1)
    what = "the same, against `inc` of one counter for each bucket, known beforehand"
    yield at_most(what, 2, spread / inc)
    yield at_most(
        f"the same on {flat[-1]} threads against 1", 1.15, observe("ours", flat[-1]) / same
    )
    # These are not minima either. Other peers may expose a sum that does not match its counts.
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
    for what, (_, ratio, _, _) in gathers.items():
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
