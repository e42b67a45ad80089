"""Samples of metric families."""

from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["BucketSpan", "Exemplar", "NativeHistogram", "Sample", "Timestamp"]


class Timestamp:
    """A time in whole seconds and nanoseconds."""

    def __init__(self, sec: float, nsec: float) -> None:
        if not 0 <= nsec < 1e9:
            raise ValueError(f"nanoseconds {nsec}: must be from 0 to 999999999")
        self.sec = int(sec)
        self.nsec = int(-nsec if sec < 0 else nsec)

    def __float__(self) -> float:
        return self.sec + self.nsec / 1e9

    def __str__(self) -> str:
        return f"{self.sec}.{self.nsec:09d}"

    def __repr__(self) -> str:
        return f"Timestamp({self.sec}, {self.nsec})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Timestamp):
            return NotImplemented
        return (self.sec, self.nsec) == (other.sec, other.nsec)

    def __hash__(self) -> int:
        return hash((self.sec, self.nsec))

    def __lt__(self, other: "Timestamp") -> bool:
        return (self.sec, self.nsec) < (other.sec, other.nsec)

    def __gt__(self, other: "Timestamp") -> bool:
        return other < self


class Exemplar(NamedTuple):
    """An example of an event that a sample counted. OpenMetrics exposes it."""

    labels: dict[str, str]
    value: float
    timestamp: float | Timestamp | None = None


class BucketSpan(NamedTuple):
    """Neighbouring buckets of a native histogram. Not exposed."""

    offset: int
    length: int


class NativeHistogram(NamedTuple):
    """A native histogram. Not exposed."""

    count_value: float
    sum_value: float
    schema: int
    zero_threshold: float
    zero_count: float
    pos_spans: Sequence[BucketSpan] | None = None
    neg_spans: Sequence[BucketSpan] | None = None
    pos_deltas: Sequence[int] | None = None
    neg_deltas: Sequence[int] | None = None
    nh_exemplars: Sequence[Exemplar] | None = None


class Sample(NamedTuple):
    """One line of an exposition. Timestamp and native histogram are not exposed."""

    name: str
    labels: dict[str, str]
    value: float
    timestamp: float | Timestamp | None = None
    exemplar: Exemplar | None = None
    native_histogram: NativeHistogram | None = None
