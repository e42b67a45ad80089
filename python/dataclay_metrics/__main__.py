"""The command ``dataclay-metrics``, also ``python -m dataclay_metrics``."""

import os
import sys


def main(arguments: list[str] | None = None) -> int:
    """Runs the subcommand in ``arguments``, by default those of the command line.

    Returns the exit status.
    """
    import argparse

    from . import __version__
    from .commands import demo, launcher, list, retire, serve, sweep, top

    parser = argparse.ArgumentParser(
        prog="dataclay-metrics", description="Metrics for dataClay, for Prometheus."
    )
    parser.add_argument("--version", action="version", version=f"dataclay-metrics {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    demo.add_command(commands)
    launcher.add_command(commands)
    list.add_command(commands)
    retire.add_command(commands)
    serve.add_command(commands)
    sweep.add_command(commands)
    top.add_command(commands)

    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader closed the pipe (`... | head`). The interpreter flushes again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
