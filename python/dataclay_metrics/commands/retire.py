"""``dataclay-metrics retire``: deletes the counts of an identity that will not return."""

import argparse
import sys

from . import arguments


def run(options: argparse.Namespace) -> int:
    """Deletes the segment. Returns 1 if there is no such segment or several, or if processes count
    in it."""
    from .._native import Segments

    place = arguments.directory(options)
    segments, _ = Segments(place).read()
    found = [
        segment
        for segment in segments
        if segment.instance == options.instance and options.job in (None, segment.job)
    ]
    if len(found) != 1:
        jobs = ", ".join(segment.job for segment in found)
        reason = f"choose one by --job: {jobs}" if found else f"no such instance in {place}"
        return _fail(f"{options.instance}: {reason}")
    (segment,) = found
    if segment.processes and not options.force:
        processes = "1 process counts" if segment.processes == 1 else "processes count"
        return _fail(f"{segment.instance}: {processes} there; --force deletes it all the same")
    try:
        segment.delete()
    except OSError as error:
        return _fail(f"{segment.instance}: {error}")
    print(f"deleted {segment.path}")
    return 0


def _fail(reason: str) -> int:
    print(f"dataclay-metrics retire: {reason}", file=sys.stderr)
    return 1


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds ``retire`` and its options to the command line."""
    parser = commands.add_parser(
        "retire",
        help="delete the counts of an identity that will not return",
        description="Deletes the segment of an identity in which no process counts. The"
        " next process of the identity starts at zero. Use sweep to delete the group on a"
        " Pushgateway.",
    )
    parser.add_argument("instance", metavar="INSTANCE", help="the instance, as shown by list")
    parser.add_argument("--job", help="the job, if several have this instance")
    parser.add_argument(
        "--force", action="store_true", help="delete it even if processes count in it"
    )
    arguments.add_directory(parser)
    parser.set_defaults(run=run)
