"""Runs dataClay programs that end in every way, and compares all counts with dataClay's log.

    make outlive ARGS="--quick --counts segment killed backend"

By default, the table has all rows, each with counts in private memory and in a segment.
"""

import argparse
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from typing import TextIO

import rows
import table
from run import Figures, running


def measure(row: rows.Row, counts: str) -> Figures:
    """Runs one row, and returns its figures."""
    with running(counts, row.has_backend, row.interval) as run:
        row.run(run, row.clients)
        return run.figures()


def main(out: TextIO) -> int:
    parser = argparse.ArgumentParser(prog="outlive", description=(__doc__ or "").split("\n")[0])
    names = [row.name for row in rows.ROWS]
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(names))
    parser.add_argument("--counts", action="append", choices=["private", "segment", "start-times"])
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="run N rows at once")
    parser.add_argument("--quick", action="store_true", help="a fifth of the clients")
    parser.add_argument("--write", action="store_true", help="write benches/OUTLIVE.md")
    arguments = parser.parse_args()
    if unknown := set(arguments.rows) - set(names):
        parser.error(f"no row {', '.join(sorted(unknown))}; the rows are {', '.join(names)}")
    kinds = arguments.counts or ["private", "segment"]
    chosen = [row for row in rows.ROWS if not arguments.rows or row.name in arguments.rows]
    if arguments.quick:
        chosen = [row.quick() for row in chosen]
    jobs = [(row, counts) for row in chosen for counts in kinds]
    measured, failed = [], False
    print("\n".join(table.HEADER), file=out, flush=True)
    with ThreadPoolExecutor(arguments.at_once) as pool:
        running_rows = [pool.submit(measure, row, counts) for row, counts in jobs]
        for (row, counts), result in zip(jobs, running_rows, strict=True):
            try:
                figures = result.result()
            except Exception:  # noqa: BLE001 - the other rows still run
                failed = True
                print(f"{row.name}, {counts}:\n{traceback.format_exc()}", file=sys.stderr)
                continue
            measured.append(table.line(str(row), counts, figures))
            print(measured[-1], file=out, flush=True)
            failed |= counts != "private" and bool(figures.faults())
    if arguments.write:
        table.write(measured, sys.argv[1:])
    return int(failed)


if __name__ == "__main__":
    stdout = sys.stdout
    with redirect_stdout(None):  # otherwise each program's log is printed when it ends
        status = main(stdout)
    sys.exit(status)
