"""The option ``--dir`` of the commands that read segments."""

import argparse
import os
from pathlib import Path


def add_option(parser: argparse.ArgumentParser) -> None:
    """Adds ``--dir``."""
    parser.add_argument(
        "--dir",
        type=existing,
        metavar="DIR",
        help="the directory of segments (default: DATACLAY_METRICS_DIR, else what auto means)",
    )


def chosen(options: argparse.Namespace) -> Path:
    """Returns the directory that the options or the environment name."""
    from .._native import auto_segment_directory

    if options.dir is not None:
        directory: Path = options.dir
        return directory
    value = os.environ.get("DATACLAY_METRICS_DIR", "")
    if value.startswith("/"):
        return Path(value)
    auto: Path = auto_segment_directory(os.environ.get("XDG_RUNTIME_DIR") or None)
    return auto


def existing(text: str) -> Path:
    """Reads the path of a directory that exists."""
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: must be a directory that exists")
    return path
