"""OpenMetrics 1.0, under the module name of prometheus_client."""

import re

from .. import _native
from .._native import REGISTRY, CollectorRegistry

__all__ = [
    "ALLOWUTF8",
    "CONTENT_TYPE_LATEST",
    "DOTS",
    "ESCAPING_HEADER_TAG",
    "UNDERSCORES",
    "VALUES",
    "escape_label_name",
    "escape_metric_name",
    "generate_latest",
]

ALLOWUTF8 = "allow-utf-8"
UNDERSCORES = "underscores"
DOTS = "dots"
VALUES = "values"
ESCAPING_HEADER_TAG = "escaping"

TYPE_CHECKING = False

CONTENT_TYPE_LATEST = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def generate_latest(
    registry: CollectorRegistry = REGISTRY, escaping: str = "underscores", version: str = "1.0.0"
) -> bytes:
    """Returns the metrics of ``registry`` in OpenMetrics 1.0, the only version here."""
    if version != "1.0.0":
        raise ValueError(f"version {version!r}: must be 1.0.0")
    return _native.generate_latest(registry, escaping, format="openmetrics")


def escape_metric_name(s: str, escaping: str = UNDERSCORES) -> str:
    """Returns a metric name in the form of an exposition with this escaping."""
    return _escaped(s, escaping, r"[a-zA-Z_:]", r"[a-zA-Z0-9_:]")


def escape_label_name(s: str, escaping: str = UNDERSCORES) -> str:
    """Returns a label name in the form of an exposition with this escaping."""
    return _escaped(s, escaping, r"[a-zA-Z_]", r"[a-zA-Z0-9_]")


def _escaped(name: str, escaping: str, first: str, other: str) -> str:
    """Escapes a name. Its first character and all others should match these patterns."""
    is_legacy = re.fullmatch(f"{first}{other}*", name) is not None
    if not name or (is_legacy and escaping != DOTS):
        return name
    if escaping == ALLOWUTF8:
        quoted = name.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
        return f'"{quoted}"'

    def escape(at: int, char: str) -> str:
        if char == "_" and escaping != UNDERSCORES:
            return "__"
        if char == "." and escaping == DOTS:
            return "_dot_"
        if re.match(other if at else first, char):
            return char
        return {UNDERSCORES: "_", DOTS: "__"}.get(escaping, f"_{ord(char):x}_")

    return ("U__" if escaping == VALUES else "") + "".join(map(escape, range(len(name)), name))


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        from ..client import missing

        raise missing.error(__name__, name)
