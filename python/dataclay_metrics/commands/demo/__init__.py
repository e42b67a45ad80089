"""``dataclay-metrics demo``: measures a count, then counts an object cache and serves it live."""

import argparse

from .options import DESCRIPTION, add_options


def run(options: argparse.Namespace) -> int:
    """Runs the demo and returns its exit status."""
    from .command import run

    return run(options)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds ``demo`` and its options to the command line."""
    parser = commands.add_parser(
        "demo", help="measure a count, and watch a small object cache", description=DESCRIPTION
    )
    add_options(parser)
    parser.set_defaults(run=run)
