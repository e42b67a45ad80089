//! OTLP: one `ExportMetricsServiceRequest`, in the words of
//! <https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto>

mod fields;

use std::time::{Duration, SystemTime};

use crate::encode::protobuf::messages::{Bound, Messages, Observed, Read, Type, Values, float};
use crate::encode::protobuf::otlp::fields::{
    attribute, data, exemplar, exponential, histogram, metric, number, point, request, summary,
};
use crate::encode::protobuf::wire;
use crate::model::desc::Desc;
use crate::model::exemplar::Exemplar;
use crate::model::kind::Kind;
use crate::model::native::NativeHistogram;
use crate::model::time;
use crate::model::value::Value;

/// The messages of one request.
pub(super) struct Otlp {
    /// The time of all its points, in nanoseconds of Unix time.
    now: u64,
}

impl Otlp {
    /// Returns the messages of a request whose points have this time. A time before 1970 is 0.
    pub(super) fn at(now: SystemTime) -> Otlp {
        Otlp { now: nanos(time::since_epoch(now).unwrap_or_default()) }
    }

    /// Appends the whole request. `write` appends its metrics, of about that many bytes.
    pub(super) fn request<'a>(
        resource: impl Iterator<Item = (&'a str, &'a str)>,
        bytes: usize,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        wire::message_of(bytes, request::RESOURCE_METRICS, out, |out| {
            wire::message(request::RESOURCE, out, |out| {
                resource.for_each(|(key, value)| attribute(request::ATTRIBUTE, key, value, out));
            });
            wire::message_of(bytes, request::SCOPE_METRICS, out, |out| {
                wire::message(request::SCOPE, out, |out| {
                    wire::string(request::SCOPE_NAME, "dataclay-metrics", out);
                    wire::string(request::SCOPE_VERSION, env!("CARGO_PKG_VERSION"), out);
                });
                write(out);
            });
        });
    }

    /// Appends the time of a point, and when its value was zero.
    #[inline]
    fn times(&self, read: &Read<'_>, out: &mut Vec<u8>) {
        write_start(read.created, out);
        let set = read.timestamp.and_then(|millis| u64::try_from(millis).ok());
        let time = set.map_or(self.now, |millis| millis.saturating_mul(1_000_000));
        wire::fixed64(point::TIME, time, out);
    }
}

fn write_start(created: Option<SystemTime>, out: &mut Vec<u8>) {
    if let Some(created) = created.and_then(time::since_epoch) {
        wire::fixed64(point::START, nanos(created), out);
    }
}

/// Appends the value of a point, in nine bytes.
#[inline]
fn write_value(value: Value, out: &mut Vec<u8>) {
    match value {
        Value::Integer(count) if i64::try_from(count).is_ok() => {
            wire::fixed64(number::INTEGER, count, out);
        }
        value => wire::double(number::DOUBLE, float(value), out),
    }
}

fn nanos(since_epoch: Duration) -> u64 {
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// Returns the field of a type's points.
fn field(of: Type) -> u32 {
    match of.kind {
        Kind::Counter => metric::SUM,
        Kind::Gauge | Kind::Info | Kind::StateSet | Kind::Untyped => metric::GAUGE,
        Kind::Summary => metric::SUMMARY,
        Kind::Histogram if of.is_native => metric::EXPONENTIAL,
        // OTLP knows no gauge histogram: `protobuf::otlp` makes gauges of it.
        Kind::Histogram | Kind::GaugeHistogram => metric::HISTOGRAM,
    }
}

impl Messages for Otlp {
    fn family(
        &self,
        desc: &Desc,
        of: Type,
        bytes: usize,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> bool,
    ) {
        let start = out.len();
        // A counter is sent without `_total`, which servers add. An info keeps its name.
        let name = if desc.kind() == Kind::Counter { desc.stem() } else { desc.name() };
        let mut any = false;
        let about = name.len() + desc.help().len() + bytes;
        wire::message_of(about, request::METRIC, out, |out| {
            wire::string(metric::NAME, name, out);
            wire::string(metric::DESCRIPTION, desc.help(), out);
            if !desc.unit().is_empty() {
                wire::string(metric::UNIT, &ucum(desc.unit()), out);
            }
            wire::message_of(bytes, field(of), out, |out| {
                if matches!(desc.kind(), Kind::Counter | Kind::Histogram) {
                    wire::varint(data::TEMPORALITY, data::CUMULATIVE, out);
                }
                if desc.kind() == Kind::Counter {
                    wire::varint(data::IS_MONOTONIC, 1, out);
                }
                any = write(out);
            });
        });
        if !any {
            out.truncate(start);
        }
    }

    fn label(of: Type, name: &str, value: &str, out: &mut Vec<u8>) {
        let field = match of.kind {
            Kind::Histogram if of.is_native => exponential::ATTRIBUTE,
            Kind::Histogram => histogram::ATTRIBUTE,
            Kind::Summary => summary::ATTRIBUTE,
            _ => number::ATTRIBUTE,
        };
        attribute(field, name, value, out);
    }

    fn head(_: Type, labels: &[u8], created: Option<SystemTime>, out: &mut Vec<u8>) {
        let mut start = Vec::new();
        write_start(created, &mut start);
        wire::begin(data::POINT, labels.len() + start.len() + 2 * wire::EIGHT, out);
        out.extend(labels);
        out.extend(start);
    }

    #[inline]
    fn tail(&self, value: Value, out: &mut Vec<u8>) {
        wire::fixed64(point::TIME, self.now, out);
        write_value(value, out);
    }

    #[inline]
    fn metric(&self, of: Type, labels: &[u8], read: &Read<'_>, out: &mut Vec<u8>) {
        wire::message(data::POINT, out, |out| {
            out.extend(labels);
            self.times(read, out);
            match read.values {
                Values::Single(value, exemplar) => {
                    write_value(value, out);
                    write_exemplar(number::EXEMPLAR, exemplar, out);
                }
                Values::Observed(observed) if of.kind == Kind::Summary => {
                    write_summary(observed, out);
                }
                Values::Observed(observed) => match &observed.native {
                    Some(native) if of.is_native => write_exponential(native, observed, out),
                    _ => write_histogram(observed, out),
                },
            }
        });
    }
}

fn write_summary(observed: &Observed, out: &mut Vec<u8>) {
    wire::fixed64(summary::COUNT, observed.count.map_or(0, rounded), out);
    wire::double(summary::SUM, observed.sum.map_or(0.0, float), out);
    for Bound { at, value, .. } in &observed.bounds {
        wire::message(summary::QUANTILE, out, |out| {
            wire::double(summary::QUANTILE_OF, *at, out);
            wire::double(summary::QUANTILE_VALUE, float(*value), out);
        });
    }
}

/// Writes a histogram, whose buckets hold what lies between two bounds. The last one is unbounded.
/// Servers may refuse a request whose buckets do not add up to the count. So where the buckets of a
/// custom collector go down, they stay, and the count is not smaller than they are.
fn write_histogram(observed: &Observed, out: &mut Vec<u8>) {
    let finite = observed.bounds.iter().filter(|bucket| bucket.at.is_finite());
    let last = observed.bounds.last().map(|bucket| bucket.value);
    let all = observed.count.or(last).map_or(0, rounded);
    let most = finite.clone().map(|bucket| rounded(bucket.value)).max();
    let all = most.map_or(all, |most| all.max(most));
    wire::fixed64(histogram::COUNT, all, out);
    // A sum that may go down is none: the model of OpenTelemetry, "Histogram".
    let may_go_down = observed.bounds.first().is_some_and(|bucket| bucket.at < 0.0);
    if let (Some(sum), false) = (observed.sum, may_go_down) {
        wire::double(histogram::SUM, float(sum), out);
    }
    let mut below = 0;
    let cumulative = finite.clone().map(|bucket| rounded(bucket.value)).chain([all]);
    let counts = cumulative.map(|count| {
        let count = count.max(below);
        count - std::mem::replace(&mut below, count)
    });
    wire::packed(histogram::BUCKET_COUNTS, counts, out);
    wire::packed(histogram::BOUNDS, finite.map(|bucket| bucket.at.to_bits()), out);
    for Bound { exemplar, .. } in &observed.bounds {
        write_exemplar(histogram::EXEMPLAR, exemplar.as_deref(), out);
    }
}

/// Writes a histogram by its native buckets.
fn write_exponential(native: &NativeHistogram, observed: &Observed, out: &mut Vec<u8>) {
    wire::fixed64(exponential::COUNT, native.count, out);
    if native.negative.is_empty() {
        wire::double(exponential::SUM, native.sum, out);
    }
    wire::signed(exponential::SCALE, native.schema.into(), out);
    wire::fixed64(exponential::ZERO_COUNT, native.zero_count, out);
    wire::double(exponential::ZERO_THRESHOLD, native.zero_threshold, out);
    for (field, buckets) in
        [(exponential::POSITIVE, &native.positive), (exponential::NEGATIVE, &native.negative)]
    {
        let Some((first, _)) = buckets.first() else { continue };
        wire::message(field, out, |out| {
            // The buckets of Prometheus are numbered by their ends, these by their beginnings.
            wire::signed(exponential::OFFSET, i64::from(first - 1), out);
            wire::packed_varints(exponential::COUNTS, dense(buckets), out);
        });
    }
    for Bound { exemplar, .. } in &observed.bounds {
        write_exemplar(exponential::EXEMPLAR, exemplar.as_deref(), out);
    }
}

/// Returns the count of each bucket from the first one on, those that are empty included.
///
/// Prometheus has a bucket of infinity, far beyond all others. Here it is the one behind the last.
fn dense(buckets: &[(i32, u64)]) -> impl Iterator<Item = u64> + '_ {
    /// More buckets than a histogram has in its range.
    const FAR: i32 = 8_192;
    let mut next = buckets.first().map_or(0, |(first, _)| *first);
    buckets.iter().flat_map(move |(index, count)| {
        let gap = if index - next > FAR { 0 } else { index - next };
        next = next.saturating_add(gap + 1);
        let empty = usize::try_from(gap).unwrap_or_default();
        std::iter::repeat_n(0, empty).chain([*count])
    })
}

/// Returns a count as an integer. Only a custom collector has another one: it is cut off.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn rounded(count: Value) -> u64 {
    match count {
        Value::Integer(count) => count,
        Value::Float(count) => count as u64,
    }
}

fn write_exemplar(field: u32, exemplar: Option<&Exemplar>, out: &mut Vec<u8>) {
    let Some(exemplar) = exemplar.filter(|exemplar| exemplar.has_value()) else { return };
    wire::message(field, out, |out| {
        for (name, value) in exemplar.labels().iter() {
            match name {
                "trace_id" if write_id::<16>(exemplar::TRACE_ID, value, out) => {}
                "span_id" if write_id::<8>(exemplar::SPAN_ID, value, out) => {}
                _ => attribute(exemplar::ATTRIBUTE, name, value, out),
            }
        }
        if let Some(since) = exemplar.time().and_then(time::since_epoch) {
            wire::fixed64(exemplar::TIME, nanos(since), out);
        }
        wire::double(exemplar::DOUBLE, exemplar.value(), out);
    });
}

/// Writes an id of N bytes. Returns false if the text is not such an id in hexadecimal digits.
fn write_id<const N: usize>(field: u32, text: &str, out: &mut Vec<u8>) -> bool {
    let mut id = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return false;
    }
    for (byte, digits) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
    }
    wire::bytes(field, &id, out);
    true
}

fn attribute(field: u32, key: &str, value: &str, out: &mut Vec<u8>) {
    wire::message(field, out, |out| {
        wire::string(attribute::KEY, key, out);
        wire::message(attribute::VALUE, out, |out| wire::string(attribute::STRING, value, out));
    });
}

/// Returns a unit in UCUM. One that is not known there becomes an annotation, `{unit}`.
fn ucum(unit: &str) -> String {
    let known = match unit {
        "seconds" => "s",
        "milliseconds" => "ms",
        "microseconds" => "us",
        "nanoseconds" => "ns",
        "minutes" => "min",
        "hours" => "h",
        "days" => "d",
        "bytes" => "By",
        "bits" => "bit",
        "ratio" => "1",
        "percent" => "%",
        "celsius" => "Cel",
        "meters" => "m",
        "grams" => "g",
        "volts" => "V",
        "amperes" => "A",
        "joules" => "J",
        "watts" => "W",
        "hertz" => "Hz",
        _ => return format!("{{{unit}}}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests;
