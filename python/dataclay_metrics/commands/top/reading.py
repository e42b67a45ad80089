"""Reads an exposition: families, and their children with values, rates and percentiles."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Labels = tuple[tuple[str, str], ...]

# Matches a name, labels and a value. An exemplar or a timestamp may follow.
_LINE = re.compile(r'([^\s{]+)(\{(?:[^"}]|"(?:\\.|[^"\\])*")*\})?[ \t]+(\S+)')
_LABEL = re.compile(r'([^\s{,="]+)="((?:\\.|[^"\\])*)"')
_ESCAPE = re.compile(r"\\(.)")
_COUNTS = ("counter", "histogram", "summary")


@dataclass
class Child:
    """The samples of one family with the same labels."""

    value: float = math.nan
    """The value, or the count of a histogram or a summary."""
    buckets: list[tuple[float, float]] = field(default_factory=list)
    """Upper bounds, each with the count up to it."""
    quantiles: list[tuple[float, float]] = field(default_factory=list)


@dataclass
class Family:
    """A family in one read."""

    name: str
    type: str = "unknown"
    children: dict[Labels, Child] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether its values only increase, so that they have a rate."""
        return self.type in _COUNTS


def parse(text: str) -> dict[str, Family]:
    """Returns the families of an exposition, by their names without ``_total``, in the same order.

    Raises ValueError with the first line that is not valid in an exposition, such as a line of
    HTML.
    """
    families: dict[str, Family] = {}
    current = Family("")
    for line in map(str.strip, text.split("\n")):  # a label value may contain other line ends
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            base = name.removesuffix("_total")
            current = families.setdefault(base, Family(name, kind))
        elif line and not line.startswith(("#", "{")):  # names in braces are not requested
            try:
                found = _LINE.match(line)
                _add(families, current, *(found.groups() if found else (line, None, "")))
            except ValueError as error:
                raise ValueError(f"not metrics: {line[:60]!r}") from error
    return families


def _add(
    families: dict[str, Family], current: Family, name: str, labels: str | None, value: str
) -> None:
    base = current.name.removesuffix("_total")
    suffix = name.removeprefix(base) if base and name.startswith(base) else None
    if suffix not in (
        "",
        "_total",
        "_info",
        "_bucket",
        "_sum",
        "_count",
        "_gsum",
        "_gcount",
        "_created",
    ):
        base, suffix = name.removesuffix("_total"), ""
        current = families.setdefault(base, Family(name))
    if suffix in ("_sum", "_gsum", "_created"):
        return
    pairs = [(label, _unescaped(text)) for label, text in _LABEL.findall(labels or "")]
    split = {"_bucket": "le", "": "quantile"}.get(suffix) if suffix is not None else None
    bound = next((float(text) for label, text in pairs if label == split), None)
    if bound is None:
        if suffix in ("", "_total", "_info"):
            current.name = name
        current.children.setdefault(tuple(pairs), Child()).value = float(value)
        return
    child = current.children.setdefault(tuple(pair for pair in pairs if pair[0] != split), Child())
    (child.buckets if suffix == "_bucket" else child.quantiles).append((bound, float(value)))


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], text)


def risen(now: float, before: float | None) -> float:
    """Returns the increase of a count. A smaller count means a reset to zero."""
    if before is None or math.isnan(before):
        return math.nan
    return now if now < before else now - before


def quantile(wanted: float, buckets: Sequence[tuple[float, float]]) -> float:
    """Returns a quantile as Prometheus' histogram_quantile() does; NaN without observations."""
    total = buckets[-1][1] if buckets else 0
    if not total > 0:
        return math.nan
    low = fewer = 0.0
    for bound, count in buckets:
        if count >= wanted * total:
            if math.isinf(bound):
                return low if len(buckets) > 1 else math.nan
            low = min(low, bound)
            return low + (bound - low) * ((wanted * total - fewer) / ((count - fewer) or 1))
        low, fewer = bound, count
    return math.nan


def since(child: Child, before: Child | None) -> list[tuple[float, float]]:
    """Returns the buckets of the observations since ``before``, or of all observations without
    it."""
    if before is None or len(before.buckets) != len(child.buckets):
        return child.buckets
    new = [
        (bound, count - earlier)
        for (bound, count), (_, earlier) in zip(child.buckets, before.buckets, strict=True)
    ]
    return (
        new
        if new[-1:] and new[-1][1] > 0 and min(new, key=lambda b: b[1])[1] >= 0
        else child.buckets
    )


@dataclass(frozen=True)
class Row:
    """One series for display."""

    family: Family
    labels: Labels
    value: float
    rate: float
    """The rate per second; NaN if there is none."""
    percentiles: tuple[tuple[float, float], ...]

    @property
    def name(self) -> str:
        """The name with the labels, as Prometheus writes them."""
        shown = ",".join(f'{name}="{value}"' for name, value in self.labels)
        return f"{self.family.name}{{{shown}}}" if shown else self.family.name


def rows(now: dict[str, Family], before: dict[str, Family], seconds: float) -> Iterator[Row]:
    """Yields the series of a read, with rates since the previous read."""
    for base, family in now.items():
        earlier = before[base].children if base in before else {}
        for labels, child in family.children.items():
            old = earlier.get(labels)
            rate = math.nan
            if family.counts:
                rate = risen(child.value, old.value if old else None) / seconds
            percentiles = tuple(child.quantiles)
            if child.buckets:
                buckets = since(child, old)
                percentiles = tuple((q, quantile(q, buckets)) for q in (0.5, 0.9, 0.99))
            yield Row(family, labels, child.value, rate, percentiles)
