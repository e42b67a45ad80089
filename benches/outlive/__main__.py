"""Runs real dataClay programs that end in every way; compares all counts with dataClay's log.

    make outlive ARGS="--quick --counts segment killed backend"

The table has all rows by default, with counts in private memory and in a segment.
"""

import argparse
import sys
import traceback
from contextlib import redirect_stdout
from typing import TextIO

import rows
import table
from run import Figures, running


def measure(row: rows.Row, counts: str, quick: bool) -> Figures:
    """Plays one row."""
    interval = min(row.interval, 5) if quick else row.interval
    with running(counts, row.has_backend, interval, quick) as run:
        row.play(run)
        return run.figures()


def main(out: TextIO) -> int:
    parser = argparse.ArgumentParser(prog="outlive", description=(__doc__ or "").split("\n")[0])
    names = [row.name for row in rows.ROWS]
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(names))
    parser.add_argument("--counts", action="append", choices=["private", "segment", "start-times"])
    parser.add_argument("--quick", action="store_true", help="a fifth of the clients")
    parser.add_argument("--write", action="store_true", help="write benches/OUTLIVE.md")
    arguments = parser.parse_args()
    if unknown := set(arguments.rows) - set(names):
        parser.error(f"no row {', '.join(sorted(unknown))}; the rows are {', '.join(names)}")
    kinds = arguments.counts or ["private", "segment"]
    chosen = [row for row in rows.ROWS if not arguments.rows or row.name in arguments.rows]
    measured, failed = [], False
    print("\n".join(table.HEADER), file=out, flush=True)
    for row in chosen:
        for counts in kinds:
            try:
                figures = measure(row, counts, arguments.quick)
            except Exception:  # noqa: BLE001 - the other rows still run
                failed = True
                print(f"{row.name}, {counts}:\n{traceback.format_exc()}", file=sys.stderr)
                continue
            measured.append(table.line(row.title, counts, figures))
            print(measured[-1], file=out, flush=True)
            failed |= counts != "private" and bool(figures.faults())
    if arguments.write:
        table.write(measured, sys.argv[1:])
    return int(failed)


if __name__ == "__main__":
    stdout = sys.stdout
    with redirect_stdout(None):  # else each program's log is printed as it ends
        status = main(stdout)
    sys.exit(status)
