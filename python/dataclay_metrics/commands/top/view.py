"""Lays out what ``top`` shows, as lines of text."""

import math
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from . import numbers
from .reading import Family, Labels, Row, risen, rows

Order = Literal["name", "rate", "value"]
ORDERS: tuple[Order, ...] = ("name", "rate", "value")
PROCESSES = 6  # the number of lines for processes of a node, those with the lowest hit ratio

_HITS, _MISSES = "dataclay_inmemory_hits", "dataclay_inmemory_misses"
_OBJECTS = {
    "loaded": "dataclay_loaded_objects",
    "in memory": "dataclay_inmemory_objects",
    "stored": "dataclay_stored_objects",
}
# Families that describe the runtime are listed after those of the application.
_RUNTIME = re.compile(r"(process|python|go|promhttp|dataclay_metrics)_")
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Reads:
    """Two reads of the same endpoint, ``seconds`` apart.

    For the first read, ``before`` is empty and ``seconds`` is NaN.
    """

    now: dict[str, Family]
    before: dict[str, Family]
    seconds: float
    uses_dataclay: bool
    """Whether a metric of dataClay was not zero, in these reads or earlier ones."""


def uses_dataclay(families: dict[str, Family]) -> bool:
    """Returns whether one of the five metrics of dataClay is not zero."""
    names = (_HITS, _MISSES, *_OBJECTS.values())
    return any(abs(value) > 0 for name in names for value in _values(families, name))


def header(reads: Reads, title: str) -> Iterator[str]:
    """Yields the lines above the table: the source, its process, and the cache of dataClay."""
    facts = [title]
    if (start := _values(reads.now, "process_start_time_seconds")) and len(start) == 1:
        up = numbers.written("up_seconds", max(0.0, time.time() - start[0]), 2)
        facts.append(f"up {up}")
    if (cpu := _rise(reads, "process_cpu_seconds")) is not None:
        facts.append(f"CPU {numbers.percent(cpu)}")
    if memory := _values(reads.now, "process_resident_memory_bytes"):
        facts.append(f"memory {numbers.written('memory_bytes', sum(memory), 3)}")
    yield "   ".join(facts)
    if reads.uses_dataclay and _HITS in reads.now and _MISSES in reads.now:
        yield from _cache(reads)


def _cache(reads: Reads) -> Iterator[str]:
    hits, misses = _rise(reads, _HITS), _rise(reads, _MISSES)
    always = _ratio(sum(_values(reads.now, _HITS)), sum(_values(reads.now, _MISSES)))
    recent = math.nan if hits is None or misses is None else _ratio(hits, misses)
    rate = math.nan if hits is None or misses is None else hits + misses
    yield (
        f"hit ratio {numbers.percent(recent)} ({numbers.percent(always)} since the start)"
        f"   lookups {numbers.plain(rate, 3)}/s"
    )
    objects = [
        f"{label} {numbers.plain(sum(values))}"
        for label, name in _OBJECTS.items()
        if (values := _values(reads.now, name))
    ]
    if objects:
        yield f"objects   {'   '.join(objects)}"
    yield from _processes(reads)


def _processes(reads: Reads) -> Iterator[str]:
    """Yields a line for each process of a node, the lowest hit ratio first."""
    children = reads.now[_HITS].children
    if len(children) < 2:
        return
    found: list[tuple[float, float, Labels]] = []
    for labels in children:
        hits, misses = (_risen_of(reads, name, labels) for name in (_HITS, _MISSES))
        ratio = _ratio(hits, misses)
        if math.isnan(ratio):
            ratio = _ratio(
                _value_of(reads.now, _HITS, labels), _value_of(reads.now, _MISSES, labels)
            )
        found.append((ratio, (hits + misses) / reads.seconds, labels))
    found.sort(key=lambda process: (math.isnan(process[0]), process[0]))
    common = set.intersection(*(set(labels) for labels in children))
    yield ""
    yield f"{'PROCESS':40}{'HIT RATIO':>12}{'LOOKUPS':>16}"
    for ratio, rate, labels in found[:PROCESSES]:
        name = " ".join(value for label, value in labels if (label, value) not in common)
        rated = f"{numbers.plain(rate, 3)}/s"
        yield f"{_cut(name, 40):40}{numbers.percent(ratio):>12}{rated:>16}"
    if len(found) > PROCESSES:
        yield f"the lowest {PROCESSES} of {len(found)} processes"


def table(reads: Reads, order: Order, words: str, width: int | None) -> Iterator[str]:
    """Yields the table: its heading, and a line for each series that contains ``words``.

    A line has at most ``width`` columns. To fit, it drops the percentiles between the outer ones,
    then cuts names in the middle. None sets no limit.
    """
    wanted = words.lower().split()
    shown = [
        row
        for row in rows(reads.now, reads.before, reads.seconds)
        if all(word in f"{row.name} {row.family.type}".lower() for word in wanted)
    ]
    shown = _sorted(shown, order)
    names = [row.name for row in shown]
    heads = ["VALUE", "PER SECOND"]
    if any(row.percentiles for row in shown):
        heads.append("PERCENTILES")
    longest = first = max(map(len, ["METRIC", *names]))
    columns, widths = _laid_out(shown, heads)
    if width is not None and width - sum(widths) < longest:
        outer = [
            replace(row, percentiles=row.percentiles[:: max(1, len(row.percentiles) - 1)])
            for row in shown
        ]
        columns, widths = _laid_out(outer, heads)
        first = max(20, min(longest, width - sum(widths)))
    for name, cells in zip(["METRIC", *names], [heads, *columns], strict=True):
        right = "".join(f"{cell:>{size}}" for cell, size in zip(cells, widths))  # noqa: B905
        yield f"{_cut(name, first):{first}}{right}".rstrip()


def _laid_out(shown: list[Row], heads: list[str]) -> tuple[list[list[str]], list[int]]:
    """Returns the cells of each row, and the width of each column with two spaces before it."""
    columns = [_columns(row) for row in shown]
    return columns, [2 + max(map(len, column)) for column in zip(heads, *columns)]  # noqa: B905


def _columns(row: Row) -> list[str]:
    family = row.family.name
    of_count = row.family.counts and row.family.type != "counter"
    value = numbers.plain(row.value) if of_count else numbers.written(family, row.value)
    if family.endswith("_info"):
        value = ""
    rate = ""
    if row.family.counts:
        written = numbers.plain(row.rate, 3) if of_count else numbers.written(family, row.rate, 3)
        rate = f"{written}/s"
    percentiles = "  ".join(
        f"p{numbers.plain(100 * q)} {numbers.written(family, at, 3)}" for q, at in row.percentiles
    )
    return [value, rate, percentiles]


def _sorted(shown: list[Row], order: Order) -> list[Row]:
    if order == "name":
        return sorted(shown, key=_place)
    return sorted(
        shown,
        key=lambda row: -math.inf if math.isnan(at := getattr(row, order)) else at,
        reverse=True,
    )


def _place(row: Row) -> tuple[bool, str, str]:
    name = _DIGITS.sub(lambda digits: digits[0].zfill(15), row.name)  # 9 comes before 10
    return bool(_RUNTIME.match(row.family.name)), row.family.name, name


def _cut(text: str, width: int) -> str:
    """Cuts a name in the middle, because names begin alike, and labels are at their end."""
    if len(text) <= width:
        return text
    end = (width - 3) // 2
    return f"{text[: width - 3 - end]}...{text[-end:]}"


def _values(families: dict[str, Family], name: str) -> list[float]:
    return [child.value for child in families[name].children.values()] if name in families else []


def _rise(reads: Reads, name: str) -> float | None:
    """Returns the rate per second of all children of a counter; None if there is no such
    counter."""
    if name not in reads.now:
        return None
    rises = [_risen_of(reads, name, labels) for labels in reads.now[name].children]
    return sum(rises) / reads.seconds


def _risen_of(reads: Reads, name: str, labels: Labels) -> float:
    family, earlier = reads.now.get(name), reads.before.get(name)
    child = family.children.get(labels) if family else None
    old = earlier.children.get(labels) if earlier else None
    return risen(child.value, old.value if old else None) if child else 0.0


def _value_of(families: dict[str, Family], name: str, labels: Labels) -> float:
    child = families[name].children.get(labels)
    return child.value if child else 0.0


def _ratio(hits: float, misses: float) -> float:
    return hits / (hits + misses) if hits + misses > 0 else math.nan


def text(lines: Iterable[str], width: int, height: int) -> list[str]:
    """Returns the lines, cut to the size of the terminal."""
    return [line[:width] for _, line in zip(range(height), lines)]  # noqa: B905
