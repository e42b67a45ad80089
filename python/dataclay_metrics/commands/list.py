"""``dataclay-metrics list``: the segments of a node, one per line."""

import argparse
import sys

from . import arguments


def run(options: argparse.Namespace) -> int:
    """Prints the segments. Returns 1 if one cannot be read."""
    from .._native import Segments

    segments, failures = Segments(arguments.directory(options)).read()
    rows = [("JOB", "INSTANCE", "SERVICE", "PROCESSES", "SERIES", "KIB", "DAMAGED")]
    for segment in segments:
        size = f"{segment.size // 1024}"
        counts = (segment.processes, segment.series, size, segment.damaged)
        labels = (segment.job, segment.instance, segment.service or "-")
        rows.append((*labels, *(str(count) for count in counts)))  # type: ignore[arg-type]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row[:3], widths[:3], strict=True)
        numbers = zip(row[3:], widths[3:], strict=True)
        left = [cell.ljust(width) for cell, width in cells]
        print("  ".join(left + [cell.rjust(width) for cell, width in numbers]))
    for failure in failures:
        print(f"dataclay-metrics list: {failure}", file=sys.stderr)
    return 1 if failures else 0


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds ``list`` and its options to the command line."""
    parser = commands.add_parser(
        "list",
        help="list the identities that count on this node",
        description="Lists the segments in a directory: the exported job and instance, the number of"
        " live processes and of series, and the RAM of the file.",
    )
    arguments.add_directory(parser)
    parser.set_defaults(run=run)
