"""The options of the demo. Imports no other file: ``make demo ARGS=--help`` runs it unbuilt."""

import argparse

DESCRIPTION = (
    "Measures what a count costs. Then runs a small object cache under several threads, serves its "
    "metrics over HTTP with a live page, and shows them."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the demo to a parser."""
    parser.add_argument(
        "--seconds", type=_seconds, metavar="N", help="how long to run (default: until Ctrl-C)"
    )
    parser.add_argument(
        "--port", type=_port, default=8000, help="HTTP port, 0 for any free one (default: 8000)"
    )
    parser.add_argument(
        "--push", type=_gateway, metavar="HOST:PORT", help="also push to this Pushgateway"
    )
    parser.add_argument(
        "--prometheus",
        action="store_true",
        help="start the Prometheus that is on PATH; it scrapes the demo",
    )
    parser.add_argument("--no-duel", action="store_true", help="skip the measurement")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: must be a number of seconds, more than 0")
    return value


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text}: must be 0 to 65535")
    return int(text)


def _gateway(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host:
        from dataclay_metrics._native import without_secrets

        raise argparse.ArgumentTypeError(f"{without_secrets(text)}: must be HOST:PORT")
    return host.strip("[]"), _port(port)


if __name__ == "__main__":
    usage = argparse.ArgumentParser(prog="dataclay-metrics demo", description=DESCRIPTION)
    add_options(usage)
    usage.parse_args()
