"""``dataclay-metrics run``: a Python program with dataClay on these metrics, otherwise as ever."""

import argparse
import os
import sys
from pathlib import Path

from ..dataclay import SWITCH

PTH = "dataclay_metrics_install.pth"


def run(options: argparse.Namespace) -> int:
    """Becomes ``python ARGUMENTS`` with the switch on; returns only if that cannot be.

    The process is replaced, so its id, signals, exit status, ``sys.argv`` and ``__main__`` are those
    that it has without us, and its children are covered too.
    """
    if options.arguments[0] in ("-h", "--help"):
        options.parser.print_help()
        return 0
    if not any((Path(directory) / PTH).exists() for directory in sys.path):
        print(
            f"dataclay-metrics run: {PTH} is not in the site-packages of {sys.executable}: install"
            " the package there with pip, or call dataclay_metrics.install() in the program.",
            file=sys.stderr,
        )
        return 1
    os.environ[SWITCH] = "true"
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *_interpreter_options(), *options.arguments])


def _interpreter_options() -> list[str]:
    """Those that this interpreter was started with: ``python -X dev -m dataclay_metrics run``."""
    options = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv)]
    if options[-1:] == ["-m"]:
        options.pop()  # its module is what sys.argv[0] is the file of
    return options


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds ``run`` to the command line."""
    parser = commands.add_parser(
        "run",
        help="run a dataClay program with these metrics",
        description="Runs `python ARGUMENTS` with dataClay's metrics replaced by these.",
        usage="%(prog)s ARGUMENTS...  (a script, or -m MODULE, as for python)",
        add_help=False,
        prefix_chars="\0",  # everything belongs to python
    )
    parser.add_argument("arguments", nargs="+", metavar="ARGUMENTS")
    parser.set_defaults(run=run, parser=parser)
