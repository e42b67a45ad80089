//! OTLP: one `ExportMetricsServiceRequest`, in the words of
//! <https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto>

mod fields;
mod observed;
mod parts;

use std::time::SystemTime;

use crate::encode::protobuf::messages::{Messages, Read, Type, Values, float};
use crate::encode::protobuf::otlp::fields::{
    data, exponential, histogram, metric, number, point, request, summary,
};
use crate::encode::protobuf::otlp::observed::{write_exponential, write_histogram, write_summary};
use crate::encode::protobuf::otlp::parts::{attribute, nanos, write_exemplar};
use crate::encode::protobuf::wire;
use crate::model::desc::Desc;
use crate::model::kind::Kind;
use crate::model::time;
use crate::model::value::Value;

/// The messages of one request.
pub(super) struct Otlp {
    /// The time of all its points, in nanoseconds of Unix time.
    now: u64,
}

impl Otlp {
    /// Returns the messages of a request whose points have this time. A time before 1970 becomes 0.
    pub(super) fn at(now: SystemTime) -> Otlp {
        Otlp { now: nanos(time::since_epoch(now).unwrap_or_default()) }
    }

    /// Appends the whole request. `write` appends its metrics, in about that many bytes.
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

/// Returns the field of a type's points.
fn field(of: Type) -> u32 {
    match of.kind {
        Kind::Counter => metric::SUM,
        Kind::Gauge | Kind::Info | Kind::StateSet | Kind::Untyped => metric::GAUGE,
        Kind::Summary => metric::SUMMARY,
        Kind::Histogram if of.is_native => metric::EXPONENTIAL,
        // OTLP has no gauge histograms. `protobuf::otlp` converts them to gauges.
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

/// Returns a unit in UCUM. A unit that UCUM does not have becomes an annotation, `{unit}`.
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
