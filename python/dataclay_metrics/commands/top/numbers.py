"""Writes numbers for people, by the unit that a metric's name ends in."""

import math
import re
import time

_TIME = (
    (86400.0, "d"),
    (3600.0, "h"),
    (60.0, "min"),
    (1.0, "s"),
    (1e-3, "ms"),
    (1e-6, "us"),
    (1e-9, "ns"),
)
_BYTES = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))


def plain(value: float, digits: int = 4) -> str:
    """Returns a number without a unit; a dash for NaN."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if abs(value) >= 1e15 or 0 < abs(value) < 1e-4:
        return f"{value:.3g}"
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def written(name: str, value: float, digits: int = 4) -> str:
    """Returns a value of the metric ``name``: times, sizes and ratios with their units."""
    base = re.sub(r"_(total|sum)$", "", name)
    if math.isfinite(value):
        if base.endswith("_seconds"):
            if value > 1e9 and re.search(r"_time(stamp)?_seconds$", base):
                return f"{_scaled(max(0.0, time.time() - value), _TIME, 2)} ago"
            return _scaled(value, _TIME, digits)
        if base.endswith("_bytes"):
            return _scaled(value, _BYTES, digits)
        if base.endswith("_ratio"):
            return percent(value)
    return plain(value, digits)


def percent(ratio: float) -> str:
    """Returns a ratio in percent."""
    return "-" if math.isnan(ratio) else f"{ratio:.1%}"


def _scaled(value: float, steps: tuple[tuple[float, str], ...], digits: int) -> str:
    if value == 0:
        return "0"
    size, unit = next((step for step in steps if abs(value) >= step[0]), steps[-1])
    return f"{plain(value / size, digits)} {unit}"
