"""Arguments that several commands share."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

    PushFormat = Literal["text", "protobuf"]


def add_directory(parser: argparse.ArgumentParser) -> None:
    """Adds ``--dir``."""
    parser.add_argument(
        "--dir",
        type=existing_directory,
        metavar="DIR",
        help="the directory of segments (default: DATACLAY_METRICS_DIR, or auto)",
    )


def directory(options: argparse.Namespace) -> Path:
    """Returns the directory in the options or in the environment."""
    from .._native import auto_segment_directory

    if options.dir is not None:
        given: Path = options.dir
        return given
    value = os.environ.get("DATACLAY_METRICS_DIR", "")
    if value.startswith("/"):
        return Path(value)
    auto: Path = auto_segment_directory(os.environ.get("XDG_RUNTIME_DIR") or None)
    return auto


def push_format() -> "PushFormat":
    """Returns the format of pushes in the environment. Raises ValueError if the format is not
    known."""
    from .._native import Settings

    name = "DATACLAY_METRICS_PUSH_FORMAT"
    return Settings.from_variables({name: os.environ.get(name, "")}).push_format


def existing_directory(text: str) -> Path:
    """Reads the path of a directory that exists. Refuses the empty text of an unset variable."""
    path = Path(text)
    if not text or not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: must be a directory that exists")
    return path


def interval(text: str) -> float:
    """Reads the seconds between two reads or pushes."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text}: must be a number of seconds, 0.1 to 3600")
    return value
