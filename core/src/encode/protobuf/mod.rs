//! The encodings in Protocol Buffers, written directly as bytes. This crate cannot decode them.
//!
//! `wire` writes fields. `messages` has the trait of an encoding. `points` walks over the metrics
//! of a family, whatever form they have. `prometheus` has the messages of PrometheusProto, and
//! `otlp` those of OTLP.

mod messages;
mod otlp;
mod points;
mod prometheus;
mod wire;

use std::time::SystemTime;

use crate::encode::protobuf::otlp::Otlp;
use crate::encode::protobuf::points::Points;
use crate::encode::protobuf::prometheus::PrometheusProto;
use crate::encode::series;
use crate::model::kind::Kind;
use crate::model::snapshot::MetricFamily;
use crate::registry::collector::Sink;

/// Returns the sink that appends PrometheusProto.
pub(super) fn prometheus(out: &mut Vec<u8>) -> impl Sink {
    Points { messages: PrometheusProto, out }
}

/// Returns the families as a request of OTLP.
pub(super) fn otlp<'a>(
    families: Vec<MetricFamily>,
    resource: impl Iterator<Item = (&'a str, &'a str)>,
    now: SystemTime,
) -> Vec<u8> {
    /// About how many bytes a sample takes.
    const SAMPLE: usize = 64;
    let samples: usize = families.iter().map(|family| family.samples.most()).sum();
    let mut out = Vec::with_capacity(SAMPLE * samples);
    Otlp::request(resource, SAMPLE * samples, &mut out, |out| {
        let mut points = Points { messages: Otlp::at(now), out };
        for family in families {
            if family.kind() == Kind::GaugeHistogram {
                for gauges in series::as_gauges(&family) {
                    points.family(gauges);
                }
            } else {
                points.family(family);
            }
        }
    });
    out
}
