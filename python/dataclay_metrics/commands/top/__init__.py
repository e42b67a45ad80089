"""``dataclay-metrics top``: the metrics of a process or a node, live in a terminal."""

import argparse

from .. import arguments


def run(options: argparse.Namespace) -> int:
    """Shows the metrics and returns the exit status."""
    from .command import run

    return run(options)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds ``top`` and its options to the command line."""
    parser = commands.add_parser(
        "top",
        help="watch the metrics of a scrape endpoint or of a node",
        description="Shows the metrics of a scrape endpoint, or of a node, live: values, rates, "
        "percentiles and dataClay's hit ratio. Without a terminal it prints plain text.",
        epilog="Keys: q ends it, s changes the order.",
    )
    parser.add_argument(
        "url",
        type=_url,
        nargs="?",
        default="http://127.0.0.1:8000/metrics",
        metavar="URL",
        help="a scrape endpoint, such as :8001, HOST:PORT or a full URL"
        " (default: http://127.0.0.1:8000/metrics)",
    )
    parser.add_argument(
        "--dir",
        type=arguments.existing_directory,
        metavar="DIR",
        help="read all segments in this directory instead",
    )
    parser.add_argument(
        "--interval",
        type=arguments.interval,
        default=1.0,
        metavar="SECONDS",
        help="seconds between two reads (default: 1)",
    )
    parser.add_argument(
        "--filter", default="", metavar="TEXT", help="show the series that contain this text"
    )
    parser.add_argument(
        "--once", action="store_true", help="read twice, print the metrics once, and end"
    )
    parser.set_defaults(run=run)


def _url(text: str) -> str:
    from urllib.parse import urlsplit

    from ..._native import without_secrets

    full = text if "://" in text else f"http://{'127.0.0.1' if text.startswith(':') else ''}{text}"
    try:
        parts = urlsplit(full)
        parts.port  # noqa: B018 - checks it
    except ValueError:
        parts = None
    is_http = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
    if parts is None or not is_http or parts.username is not None:
        shown = without_secrets(text)
        raise argparse.ArgumentTypeError(
            f"{shown}: must be :PORT, HOST:PORT or a URL without credentials"
        )
    return parts._replace(path=parts.path if parts.path.strip("/") else "/metrics").geturl()
