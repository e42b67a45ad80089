//! PrometheusProto: delimited messages `io.prometheus.client.MetricFamily`, in the words of
//! <https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto>

use std::time::SystemTime;

use crate::encode::protobuf::messages::{Bound, Messages, Observed, Read, Type, Values, float};
use crate::encode::protobuf::wire;
use crate::model::desc::Desc;
use crate::model::exemplar::Exemplar;
use crate::model::kind::Kind;
use crate::model::native::NativeHistogram;
use crate::model::time;
use crate::model::value::Value;

/// The messages of this format.
pub(super) struct PrometheusProto;

/// The fields of a `MetricFamily`.
mod family {
    pub(super) const NAME: u32 = 1;
    pub(super) const HELP: u32 = 2;
    pub(super) const TYPE: u32 = 3;
    pub(super) const METRIC: u32 = 4;
    pub(super) const UNIT: u32 = 5;
}

/// The fields of a `Metric`.
mod metric {
    pub(super) const LABEL: u32 = 1;
    pub(super) const GAUGE: u32 = 2;
    pub(super) const COUNTER: u32 = 3;
    pub(super) const SUMMARY: u32 = 4;
    pub(super) const UNTYPED: u32 = 5;
    pub(super) const TIMESTAMP_MS: u32 = 6;
    pub(super) const HISTOGRAM: u32 = 7;
}

/// The fields of a `Counter`. A `Gauge` and an `Untyped` have only the first one.
mod counter {
    pub(super) const VALUE: u32 = 1;
    pub(super) const EXEMPLAR: u32 = 2;
    pub(super) const CREATED: u32 = 3;
}

/// The fields of a `Summary` and of its `Quantile`s.
mod summary {
    pub(super) const COUNT: u32 = 1;
    pub(super) const SUM: u32 = 2;
    pub(super) const QUANTILE: u32 = 3;
    pub(super) const CREATED: u32 = 4;
    pub(super) const QUANTILE_OF: u32 = 1;
    pub(super) const QUANTILE_VALUE: u32 = 2;
}

/// The fields of a `Histogram` and of its `Bucket`s.
mod histogram {
    pub(super) const COUNT: u32 = 1;
    pub(super) const SUM: u32 = 2;
    pub(super) const BUCKET: u32 = 3;
    pub(super) const COUNT_FLOAT: u32 = 4;
    pub(super) const CREATED: u32 = 15;
    pub(super) const SCHEMA: u32 = 5;
    pub(super) const ZERO_THRESHOLD: u32 = 6;
    pub(super) const ZERO_COUNT: u32 = 7;
    /// The fields of the spans and of the deltas: of negative numbers, and of positive ones.
    pub(super) const NEGATIVE: (u32, u32) = (9, 10);
    pub(super) const POSITIVE: (u32, u32) = (12, 13);
    pub(super) const SPAN_OFFSET: u32 = 1;
    pub(super) const SPAN_LENGTH: u32 = 2;
    pub(super) const BUCKET_COUNT: u32 = 1;
    pub(super) const BUCKET_BOUND: u32 = 2;
    pub(super) const BUCKET_EXEMPLAR: u32 = 3;
    pub(super) const BUCKET_COUNT_FLOAT: u32 = 4;
}

/// The fields of an `Exemplar`.
mod exemplar {
    pub(super) const LABEL: u32 = 1;
    pub(super) const VALUE: u32 = 2;
    pub(super) const TIME: u32 = 3;
}

/// The fields of a `LabelPair`, and of a `google.protobuf.Timestamp`.
const FIRST: u32 = 1;
const SECOND: u32 = 2;

/// Returns the `MetricType` of a kind, and the field of its metrics' values.
fn kind(kind: Kind) -> (u64, u32) {
    match kind {
        Kind::Counter => (0, metric::COUNTER),
        Kind::Gauge | Kind::Info | Kind::StateSet => (1, metric::GAUGE),
        Kind::Summary => (2, metric::SUMMARY),
        Kind::Untyped => (3, metric::UNTYPED),
        Kind::Histogram => (4, metric::HISTOGRAM),
        Kind::GaugeHistogram => (5, metric::HISTOGRAM),
    }
}

impl Messages for PrometheusProto {
    fn family(
        &self,
        desc: &Desc,
        _: Type,
        bytes: usize,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> bool,
    ) {
        let start = out.len();
        let mut any = false;
        wire::delimited(desc.name().len() + desc.help().len() + bytes, out, |out| {
            wire::string(family::NAME, desc.name(), out);
            wire::string(family::HELP, desc.help(), out);
            wire::varint(family::TYPE, kind(desc.kind()).0, out);
            if !desc.unit().is_empty() {
                wire::string(family::UNIT, desc.unit(), out);
            }
            any = write(out);
        });
        if !any {
            out.truncate(start);
        }
    }

    fn label(_: Type, name: &str, value: &str, out: &mut Vec<u8>) {
        label(metric::LABEL, name, value, out);
    }

    fn head(of: Type, labels: &[u8], created: Option<SystemTime>, out: &mut Vec<u8>) {
        let (mut own, mut value) = (Vec::new(), Vec::new());
        if of.kind == Kind::Counter {
            write_created(counter::CREATED, created, &mut own);
        }
        wire::begin(kind(of.kind).1, own.len() + wire::EIGHT, &mut value);
        value.extend(own);
        wire::begin(family::METRIC, labels.len() + value.len() + wire::EIGHT, out);
        out.extend(labels);
        out.extend(value);
    }

    #[inline]
    fn tail(&self, value: Value, out: &mut Vec<u8>) {
        wire::double(counter::VALUE, float(value), out);
    }

    #[inline]
    fn metric(&self, of: Type, labels: &[u8], read: &Read<'_>, out: &mut Vec<u8>) {
        wire::message(family::METRIC, out, |out| {
            out.extend(labels);
            wire::message(kind(of.kind).1, out, |out| match read.values {
                Values::Single(value, exemplar) => {
                    wire::double(counter::VALUE, float(value), out);
                    if of.kind == Kind::Counter {
                        write_exemplar(counter::EXEMPLAR, exemplar, out);
                        write_created(counter::CREATED, read.created, out);
                    }
                }
                Values::Observed(observed) if of.kind == Kind::Summary => {
                    write_summary(observed, out);
                    write_created(summary::CREATED, read.created, out);
                }
                Values::Observed(observed) => {
                    write_histogram(observed, out);
                    if let Some(native) = &observed.native {
                        write_native(native, out);
                    }
                    write_created(histogram::CREATED, read.created, out);
                }
            });
            if let Some(millis) = read.timestamp {
                wire::varint(metric::TIMESTAMP_MS, u64::from_ne_bytes(millis.to_ne_bytes()), out);
            }
        });
    }
}

fn write_summary(observed: &Observed, out: &mut Vec<u8>) {
    if let Some(count) = observed.count {
        wire::varint(summary::COUNT, whole(count).unwrap_or_default(), out);
    }
    if let Some(sum) = observed.sum {
        wire::double(summary::SUM, float(sum), out);
    }
    for Bound { at, value, .. } in &observed.bounds {
        wire::message(summary::QUANTILE, out, |out| {
            wire::double(summary::QUANTILE_OF, *at, out);
            wire::double(summary::QUANTILE_VALUE, float(*value), out);
        });
    }
}

fn write_histogram(observed: &Observed, out: &mut Vec<u8>) {
    // A custom collector may yield only buckets. The last one then has the count.
    let count = observed.count.or(observed.bounds.last().map(|bucket| bucket.value));
    if let Some(count) = count {
        write_count(histogram::COUNT, histogram::COUNT_FLOAT, count, out);
    }
    if let Some(sum) = observed.sum {
        wire::double(histogram::SUM, float(sum), out);
    }
    for Bound { at, value, exemplar } in &observed.bounds {
        wire::message(histogram::BUCKET, out, |out| {
            write_count(histogram::BUCKET_COUNT, histogram::BUCKET_COUNT_FLOAT, *value, out);
            wire::double(histogram::BUCKET_BOUND, *at, out);
            write_exemplar(histogram::BUCKET_EXEMPLAR, exemplar.as_deref(), out);
        });
    }
}

/// Writes the native buckets of a histogram. Each run of neighbours is a span, and each count is
/// the difference from the previous one.
fn write_native(native: &NativeHistogram, out: &mut Vec<u8>) {
    wire::signed(histogram::SCHEMA, native.schema.into(), out);
    wire::double(histogram::ZERO_THRESHOLD, native.zero_threshold, out);
    wire::varint(histogram::ZERO_COUNT, native.zero_count, out);
    for ((span, delta), buckets) in
        [(histogram::NEGATIVE, &native.negative), (histogram::POSITIVE, &native.positive)]
    {
        let mut next = 0;
        for run in buckets.chunk_by(|(before, _), (after, _)| before + 1 == *after) {
            let Some((first, _)) = run.first() else { continue };
            wire::message(span, out, |out| {
                wire::signed(histogram::SPAN_OFFSET, i64::from(first - next), out);
                wire::varint(histogram::SPAN_LENGTH, run.len() as u64, out);
            });
            next = first + i32::try_from(run.len()).unwrap_or(i32::MAX);
        }
        let mut before = 0;
        for (_, count) in buckets {
            let difference = count.wrapping_sub(before).to_ne_bytes();
            wire::signed(delta, i64::from_ne_bytes(difference), out);
            before = *count;
        }
    }
}

/// Writes a count to the field `integer`, or to `float` if it is not whole. Only custom collectors
/// yield counts that are not whole.
fn write_count(integer: u32, float: u32, count: Value, out: &mut Vec<u8>) {
    match whole(count) {
        Some(count) => wire::varint(integer, count, out),
        None => wire::double(float, self::float(count), out),
    }
}

/// Returns a count as an integer, if it is whole.
fn whole(count: Value) -> Option<u64> {
    /// 2^64: the first f64 that is too large for a u64.
    const LIMIT: f64 = 18_446_744_073_709_551_616.0;
    match count {
        Value::Integer(count) => Some(count),
        Value::Float(count) if (0.0..LIMIT).contains(&count) && count.fract() == 0.0 =>
        {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
            Some(count as u64)
        }
        Value::Float(_) => None,
    }
}

fn write_exemplar(field: u32, exemplar: Option<&Exemplar>, out: &mut Vec<u8>) {
    let Some(exemplar) = exemplar.filter(|exemplar| exemplar.has_value()) else { return };
    wire::message(field, out, |out| {
        for (name, value) in exemplar.labels().iter() {
            label(exemplar::LABEL, name, value, out);
        }
        wire::double(exemplar::VALUE, exemplar.value(), out);
        write_time(exemplar::TIME, exemplar.time(), out);
    });
}

#[inline]
fn write_created(field: u32, created: Option<SystemTime>, out: &mut Vec<u8>) {
    write_time(field, created, out);
}

/// Writes a `Timestamp`. Omits a time before 1970.
#[inline]
fn write_time(field: u32, time: Option<SystemTime>, out: &mut Vec<u8>) {
    let Some(since) = time.and_then(time::since_epoch) else { return };
    wire::message(field, out, |out| {
        wire::varint(FIRST, since.as_secs(), out);
        wire::varint(SECOND, since.subsec_nanos().into(), out);
    });
}

fn label(field: u32, name: &str, value: &str, out: &mut Vec<u8>) {
    wire::message(field, out, |out| {
        wire::string(FIRST, name, out);
        wire::string(SECOND, value, out);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_buckets_are_written_as_spans_and_differences() {
        let native = NativeHistogram {
            schema: 3,
            zero_threshold: 0.000_976_562_5,
            zero_count: 5,
            positive: vec![(-8, 1), (-7, 3), (4, 2)],
            negative: Vec::new(),
            count: 11,
            sum: 1.0,
        };
        let mut out = Vec::new();
        write_native(&native, &mut out);
        let head = b"\x28\x06\x31\0\0\0\0\0\0\x50\x3f\x38\x05";
        let spans = b"\x62\x04\x08\x0f\x10\x02\x62\x04\x08\x14\x10\x01";
        let differences = b"\x68\x02\x68\x04\x68\x01";
        assert_eq!(out, [&head[..], spans, differences].concat());
    }
}
