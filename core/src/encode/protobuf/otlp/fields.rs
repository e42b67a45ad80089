//! The numbers of the fields in the messages of OTLP.

/// The fields of an `ExportMetricsServiceRequest`, a `ResourceMetrics` and a `ScopeMetrics`.
pub(super) mod request {
    pub(crate) const RESOURCE_METRICS: u32 = 1;
    pub(crate) const RESOURCE: u32 = 1;
    pub(crate) const ATTRIBUTE: u32 = 1;
    pub(crate) const SCOPE_METRICS: u32 = 2;
    pub(crate) const SCOPE: u32 = 1;
    pub(crate) const SCOPE_NAME: u32 = 1;
    pub(crate) const SCOPE_VERSION: u32 = 2;
    pub(crate) const METRIC: u32 = 2;
}

/// The fields of a `Metric`.
pub(super) mod metric {
    pub(crate) const NAME: u32 = 1;
    pub(crate) const DESCRIPTION: u32 = 2;
    pub(crate) const UNIT: u32 = 3;
    pub(crate) const GAUGE: u32 = 5;
    pub(crate) const SUM: u32 = 7;
    pub(crate) const HISTOGRAM: u32 = 9;
    pub(crate) const EXPONENTIAL: u32 = 10;
    pub(crate) const SUMMARY: u32 = 11;
}

/// The fields of a `Gauge`, a `Sum`, a `Histogram` and a `Summary`.
pub(super) mod data {
    pub(crate) const POINT: u32 = 1;
    pub(crate) const TEMPORALITY: u32 = 2;
    pub(crate) const IS_MONOTONIC: u32 = 3;
    pub(crate) const CUMULATIVE: u64 = 2;
}

/// The fields that all points have.
pub(super) mod point {
    pub(crate) const START: u32 = 2;
    pub(crate) const TIME: u32 = 3;
}

/// The fields of a `NumberDataPoint`.
pub(super) mod number {
    pub(crate) const DOUBLE: u32 = 4;
    pub(crate) const EXEMPLAR: u32 = 5;
    pub(crate) const INTEGER: u32 = 6;
    pub(crate) const ATTRIBUTE: u32 = 7;
}

/// The fields of a `HistogramDataPoint`.
pub(super) mod histogram {
    pub(crate) const COUNT: u32 = 4;
    pub(crate) const SUM: u32 = 5;
    pub(crate) const BUCKET_COUNTS: u32 = 6;
    pub(crate) const BOUNDS: u32 = 7;
    pub(crate) const EXEMPLAR: u32 = 8;
    pub(crate) const ATTRIBUTE: u32 = 9;
}

/// The fields of an `ExponentialHistogramDataPoint` and of its `Buckets`.
pub(super) mod exponential {
    pub(crate) const ATTRIBUTE: u32 = 1;
    pub(crate) const COUNT: u32 = 4;
    pub(crate) const SUM: u32 = 5;
    pub(crate) const SCALE: u32 = 6;
    pub(crate) const ZERO_COUNT: u32 = 7;
    pub(crate) const POSITIVE: u32 = 8;
    pub(crate) const NEGATIVE: u32 = 9;
    pub(crate) const EXEMPLAR: u32 = 11;
    pub(crate) const ZERO_THRESHOLD: u32 = 14;
    pub(crate) const OFFSET: u32 = 1;
    pub(crate) const COUNTS: u32 = 2;
}

/// The fields of a `SummaryDataPoint` and of a `ValueAtQuantile`.
pub(super) mod summary {
    pub(crate) const COUNT: u32 = 4;
    pub(crate) const SUM: u32 = 5;
    pub(crate) const QUANTILE: u32 = 6;
    pub(crate) const ATTRIBUTE: u32 = 7;
    pub(crate) const QUANTILE_OF: u32 = 1;
    pub(crate) const QUANTILE_VALUE: u32 = 2;
}

/// The fields of an `Exemplar`.
pub(super) mod exemplar {
    pub(crate) const TIME: u32 = 2;
    pub(crate) const DOUBLE: u32 = 3;
    pub(crate) const SPAN_ID: u32 = 4;
    pub(crate) const TRACE_ID: u32 = 5;
    pub(crate) const ATTRIBUTE: u32 = 7;
}

/// The fields of a `KeyValue` and of an `AnyValue`.
pub(super) mod attribute {
    pub(crate) const KEY: u32 = 1;
    pub(crate) const VALUE: u32 = 2;
    pub(crate) const STRING: u32 = 1;
}
