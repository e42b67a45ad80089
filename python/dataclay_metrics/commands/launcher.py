"""``dataclay-metrics run``: runs a Python program in which dataClay uses these metrics."""

import argparse
import os
import sys
from pathlib import Path

from ..dataclay import SWITCH

PTH = "dataclay_metrics_install.pth"


def run(options: argparse.Namespace) -> int:
    """Replaces the process by ``python ARGUMENTS`` with the variable set; returns only on failure.

    So process id, signals, exit status, ``sys.argv`` and ``__main__`` are those of the program. Its
    child processes use these metrics, too.
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
    """Returns the options of this interpreter: ``python -X dev -m dataclay_metrics run``."""
    options = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv)]
    if options[-1:] == ["-m"]:
        options.pop()  # here sys.argv[0] is the file of the module
    return options


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds ``run`` to the command line."""
    parser = commands.add_parser(
        "run",
        help="run a dataClay program with these metrics",
        description="Runs `python ARGUMENTS` with dataClay's metrics replaced by these.",
        usage="%(prog)s ARGUMENTS...  (a script, or -m MODULE, as for python)",
        add_help=False,
        prefix_chars="\0",  # all arguments are for python
    )
    parser.add_argument("arguments", nargs="+", metavar="ARGUMENTS")
    parser.set_defaults(run=run, parser=parser)
