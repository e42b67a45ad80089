//! The encodings in Protocol Buffers, written straight into bytes. Nothing here reads them.
//!
//! `wire` writes fields. `points` walks over the metrics of a family, whichever form they have.
//! `prometheus` knows the messages of PrometheusProto, `otlp` those of OTLP.

mod otlp;
mod points;
mod prometheus;
mod wire;

use std::time::SystemTime;

use crate::encode::protobuf::otlp::Otlp;
use crate::encode::protobuf::points::Points;
use crate::encode::protobuf::prometheus::PrometheusProto;
use crate::registry::collector::Sink;
use crate::registry::entries::Entries;

/// Returns the sink that appends PrometheusProto.
pub(super) fn prometheus(out: &mut Vec<u8>) -> impl Sink {
    Points { messages: PrometheusProto, out }
}

/// Returns what the collectors hold as a request of OTLP.
pub(super) fn otlp<'a>(
    entries: &Entries,
    resource: impl Iterator<Item = (&'a str, &'a str)>,
    now: SystemTime,
) -> Vec<u8> {
    let mut out = Vec::new();
    Otlp::request(resource, entries.bytes(), &mut out, |out| {
        entries.read(&mut Points { messages: Otlp::at(now), out });
    });
    out
}
