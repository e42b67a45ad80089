"""Metric families: what custom collectors and ``collect()`` return."""

from typing import TYPE_CHECKING

from ..samples import Exemplar, NativeHistogram, Sample, Timestamp

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

TYPES = (
    "counter",
    "gauge",
    "summary",
    "histogram",
    "gaugehistogram",
    "info",
    "stateset",
    "unknown",
)


class Metric:
    """One metric family: its name without the suffix of its samples, its type and its samples."""

    def __init__(self, name: str, documentation: str, typ: str, unit: str = "") -> None:
        if unit and not name.endswith(f"_{unit}"):
            name = f"{name}_{unit}"
        if not name:
            raise ValueError("metric name '': must not be empty")
        typ = "unknown" if typ == "untyped" else typ
        if typ not in TYPES:
            raise ValueError(f"metric type {typ!r}: must be one of {', '.join(TYPES)}")
        self.name = name
        self.documentation = documentation
        self.unit = unit
        self.type = typ
        self.samples: list[Sample] = []

    def add_sample(
        self,
        name: str,
        labels: dict[str, str],
        value: float,
        timestamp: float | Timestamp | None = None,
        exemplar: Exemplar | None = None,
        native_histogram: NativeHistogram | None = None,
    ) -> None:
        """Adds a sample under its whole name, suffix included."""
        self.samples.append(Sample(name, labels, value, timestamp, exemplar, native_histogram))

    def _restricted_metric(self, names: "Container[str]") -> "Metric | None":
        """Returns the family with the samples of these names, or None if it has none."""
        samples = [sample for sample in self.samples if sample.name in names]
        if not samples:
            return None
        metric = Metric(self.name, self.documentation, self.type)
        metric.samples = samples
        return metric

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Metric):
            return NotImplemented
        return vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"Metric({self.name}, {self.documentation}, {self.type}, {self.unit}, {self.samples})"
        )


class _Labelled(Metric):
    """A family whose samples have the same label names."""

    def __init__(
        self, name: str, documentation: str, typ: str, labels: "Sequence[str] | None", unit: str
    ) -> None:
        super().__init__(name, documentation, typ, unit)
        self._labelnames = tuple(labels or ())

    def _labels(self, values: "Iterable[str]") -> dict[str, str]:
        values = tuple(values)
        if len(values) != len(self._labelnames):
            raise ValueError(f"{self.name} has the labels {self._labelnames}, not {values}")
        return dict(zip(self._labelnames, values, strict=True))

    def __eq__(self, other: object) -> bool:
        names = ("name", "documentation", "type", "unit", "samples")
        if not isinstance(other, Metric):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in names)

    __hash__ = None


def _not_both(value: object, labels: object) -> None:
    if value is not None and labels is not None:
        raise ValueError(
            f"got both the value {value!r} and labels={labels!r}: pass only one of them; "
            "add_metric() adds a value with label values"
        )


class UnknownMetricFamily(_Labelled):
    """Samples of an unknown type."""

    _type = "unknown"

    def __init__(
        self,
        name: str,
        documentation: str,
        value: float | None = None,
        labels: "Sequence[str] | None" = None,
        unit: str = "",
    ) -> None:
        _not_both(value, labels)
        super().__init__(name, documentation, self._type, labels, unit)
        if value is not None:
            self.add_metric((), value)

    def add_metric(
        self,
        labels: "Sequence[str]",
        value: float,
        timestamp: float | Timestamp | None = None,
    ) -> None:
        """Adds a sample with these label values."""
        self.add_sample(self.name, self._labels(labels), value, timestamp)


UntypedMetricFamily = UnknownMetricFamily


class GaugeMetricFamily(UnknownMetricFamily):
    """Values that increase and decrease."""

    _type = "gauge"


class CounterMetricFamily(_Labelled):
    """Values that only increase."""

    def __init__(
        self,
        name: str,
        documentation: str,
        value: float | None = None,
        labels: "Sequence[str] | None" = None,
        created: float | None = None,
        unit: str = "",
        exemplar: Exemplar | None = None,
    ) -> None:
        _not_both(value, labels)
        super().__init__(name.removesuffix("_total"), documentation, "counter", labels, unit)
        if value is not None:
            self.add_metric((), value, created, exemplar=exemplar)

    def add_metric(
        self,
        labels: "Sequence[str]",
        value: float,
        created: float | None = None,
        timestamp: float | Timestamp | None = None,
        exemplar: Exemplar | None = None,
    ) -> None:
        """Adds a sample with these label values."""
        of = self._labels(labels)
        self.add_sample(f"{self.name}_total", of, value, timestamp, exemplar)
        if created is not None:
            self.add_sample(f"{self.name}_created", of, created, timestamp)


class SummaryMetricFamily(_Labelled):
    """Numbers of events, and their sums."""

    def __init__(
        self,
        name: str,
        documentation: str,
        count_value: int | None = None,
        sum_value: float | None = None,
        labels: "Sequence[str] | None" = None,
        unit: str = "",
    ) -> None:
        _not_both(count_value, labels)
        if (count_value is None) != (sum_value is None):
            raise ValueError(f"{count_value=} and {sum_value=}: set both or neither")
        super().__init__(name, documentation, "summary", labels, unit)
        if count_value is not None and sum_value is not None:
            self.add_metric((), count_value, sum_value)

    def add_metric(
        self,
        labels: "Sequence[str]",
        count_value: int,
        sum_value: float,
        timestamp: float | Timestamp | None = None,
    ) -> None:
        """Adds the two samples with these label values."""
        of = self._labels(labels)
        self.add_sample(f"{self.name}_count", of, count_value, timestamp)
        self.add_sample(f"{self.name}_sum", of, sum_value, timestamp)


class HistogramMetricFamily(_Labelled):
    """Cumulative buckets. Each is a pair of upper bound (a str, ``+Inf`` last) and count."""

    def __init__(
        self,
        name: str,
        documentation: str,
        buckets: "Sequence[Sequence[object]] | None" = None,
        sum_value: float | None = None,
        labels: "Sequence[str] | None" = None,
        unit: str = "",
    ) -> None:
        _not_both(buckets, labels)
        if sum_value is not None and buckets is None:
            raise ValueError(f"{sum_value=} needs buckets, but buckets=None")
        super().__init__(name, documentation, "histogram", labels, unit)
        if buckets is not None:
            self.add_metric((), buckets, sum_value)

    def add_metric(
        self,
        labels: "Sequence[str]",
        buckets: "Sequence[Sequence[object]]",
        sum_value: float | None,
        timestamp: float | Timestamp | None = None,
    ) -> None:
        """Adds the samples of one histogram with these label values.

        Count and sum are omitted if a bucket is below zero, or if there is no sum.
        """
        of = self._labels(labels)
        for bucket in buckets:
            bound, count = str(bucket[0]), float(str(bucket[1]))
            self.add_sample(f"{self.name}_bucket", of | {"le": bound}, count, timestamp)
        if float(str(buckets[0][0])) >= 0 and sum_value is not None:
            total = float(str(buckets[-1][1]))
            self.add_sample(f"{self.name}_count", of, total, timestamp)
            self.add_sample(f"{self.name}_sum", of, sum_value, timestamp)


class GaugeHistogramMetricFamily(_Labelled):
    """Cumulative buckets whose numbers may decrease, such as the ages of queued jobs."""

    def __init__(
        self,
        name: str,
        documentation: str,
        buckets: "Sequence[tuple[str, float]] | None" = None,
        gsum_value: float | None = None,
        labels: "Sequence[str] | None" = None,
        unit: str = "",
    ) -> None:
        _not_both(buckets, labels)
        super().__init__(name, documentation, "gaugehistogram", labels, unit)
        if buckets is not None:
            self.add_metric((), buckets, gsum_value)

    def add_metric(
        self,
        labels: "Sequence[str]",
        buckets: "Sequence[tuple[str, float]]",
        gsum_value: float | None,
        timestamp: float | Timestamp | None = None,
    ) -> None:
        """Adds the samples of one histogram with these label values."""
        of = self._labels(labels)
        for bound, value in buckets:
            self.add_sample(f"{self.name}_bucket", of | {"le": bound}, value, timestamp)
        self.add_sample(f"{self.name}_gcount", of, buckets[-1][1], timestamp)
        self.add_sample(f"{self.name}_gsum", of, gsum_value, timestamp)  # type: ignore[arg-type]


class InfoMetricFamily(_Labelled):
    """Facts, as the labels of a sample with the value 1."""

    def __init__(
        self,
        name: str,
        documentation: str,
        value: "Mapping[str, str] | None" = None,
        labels: "Sequence[str] | None" = None,
    ) -> None:
        _not_both(value, labels)
        super().__init__(name, documentation, "info", labels, "")
        if value is not None:
            self.add_metric((), value)

    def add_metric(
        self,
        labels: "Sequence[str]",
        value: "Mapping[str, str]",
        timestamp: float | Timestamp | None = None,
    ) -> None:
        """Adds a sample with these label values and these facts."""
        self.add_sample(f"{self.name}_info", self._labels(labels) | dict(value), 1, timestamp)


class StateSetMetricFamily(_Labelled):
    """A set of states, each true or false. Exposed as a gauge of 0 and 1."""

    def __init__(
        self,
        name: str,
        documentation: str,
        value: "Mapping[str, bool] | None" = None,
        labels: "Sequence[str] | None" = None,
    ) -> None:
        _not_both(value, labels)
        super().__init__(name, documentation, "stateset", labels, "")
        if value is not None:
            self.add_metric((), value)

    def add_metric(
        self,
        labels: "Sequence[str]",
        value: "Mapping[str, bool]",
        timestamp: float | Timestamp | None = None,
    ) -> None:
        """Adds a sample for each state."""
        of = self._labels(labels)
        for state, holds in sorted(value.items()):
            self.add_sample(self.name, of | {self.name: state}, int(bool(holds)), timestamp)
