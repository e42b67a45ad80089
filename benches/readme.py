"""Copies the figures of README.md from benches/RESULTS.md. `make bench` runs this last.

    benches/readme.py [--check]

--check writes nothing. The exit status is 1 if README.md has other figures.
"""

import re
import sys

import results

README = results.ROOT / "README.md"
START, END = "<!-- figures: benches/readme.py -->\n", "<!-- end of figures -->\n"
PYTHON = ("Python", "One call, in ns")
RUST = ("Rust", "Increment, by threads on one counter")
C = ("C", "One call, in ns")
# The title, the table in RESULTS.md, this library's row, the other library's row and name, and the
# column. The column None is that of an optimised build of CPython.
ROWS = [
    ("Python, `inc()`", PYTHON, "`inc()`", "prometheus_client `inc()`", "prometheus_client", None),
    (
        'Python, `labels("x").inc()`',
        PYTHON,
        '`labels("x").inc()`',
        'prometheus_client `labels("x").inc()`',
        "prometheus_client",
        None,
    ),
    ("Rust, one thread", RUST, "ours", "prometheus", "crate `prometheus`", "1"),
    ("Rust, 4 threads on one counter", RUST, "ours", "prometheus", "crate `prometheus`", "4"),
]
ROWS += [
    (
        f"C, {title}",
        C,
        "`dcm_counter_inc`",
        "locks, as digitalocean/prometheus-client-c takes them",
        "the locks of digitalocean/prometheus-client-c",
        column,
    )
    for title, column in (
        ("one thread", "threads: 1"),
        ("4 threads on one counter", "threads: 4"),
    )
]


def tables(text):
    """Returns the first table of each part and heading: the cells of each row, by column."""
    found = {}
    part = heading = ""
    columns = []
    for line in text.splitlines():
        if line.startswith("## "):
            part, heading, columns = line[3:], "", []
        elif line.startswith("### "):
            heading, columns = line[4:], []
        elif line.startswith("|"):
            name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
            if not columns:
                columns = cells
                found.setdefault((part, heading), {})
            elif not set(line) <= set("|-:"):
                found[part, heading][name] = dict(zip(columns, cells, strict=True))
    return found


def median(cell):
    """Returns the median in nanoseconds of a cell such as `1.16 / 1.91 ns`, rounded."""
    value, unit = re.fullmatch(r"\S+ / (\S+)(?: (ns|µs))?", cell).groups()
    nanoseconds = float(value) * (1e3 if unit == "µs" else 1)
    return f"{nanoseconds:.1f}" if nanoseconds < 10 else f"{nanoseconds:,.0f}"


def figures(text):
    """Yields the lines of the table in README.md. A part that was not measured has no rows."""
    found = tables(text)
    yield "| ns per increment, medians | here | there | |"
    yield "|---|---:|---:|---|"
    for title, where, ours, theirs, name, column in ROWS:
        if where in found:
            rows = found[where]
            if column is None:
                columns = list(rows[ours])
                at = next((c for c in reversed(columns) if c.endswith("(PGO)")), columns[-1])
                name = f"{name}, {at}"
            else:
                at = column
            yield f"| {title} | {median(rows[ours][at])} | {median(rows[theirs][at])} | {name} |"
    for part, chart in (("Rust", "increment"), ("Python", "python")):
        if any(where[0] == part for where in found):
            yield from ["", f"![{part}: ns per call, medians](docs/{chart}.svg)"]


def rewritten(readme, text):
    """Returns README.md with the figures of RESULTS.md."""
    before, rest = readme.split(START)
    after = rest.split(END)[1]
    return f"{before}{START}\n" + "\n".join(figures(text)) + f"\n\n{END}{after}"


def main():
    readme = README.read_text()
    new = rewritten(readme, results.FILE.read_text())
    if "--check" in sys.argv:
        return int(new != readme)
    README.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
