//! Writes the parts of points of every type: times, attributes and exemplars.

use std::time::Duration;

use crate::encode::protobuf::otlp::fields::{attribute, exemplar};
use crate::encode::protobuf::wire;
use crate::model::exemplar::Exemplar;
use crate::model::time;

/// Returns a time in the nanoseconds of OTLP.
pub(super) fn nanos(since_epoch: Duration) -> u64 {
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn write_exemplar(field: u32, exemplar: Option<&Exemplar>, out: &mut Vec<u8>) {
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

/// Writes an id of N bytes. Returns false if the text is not N bytes in hexadecimal digits.
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

/// Writes an attribute: a pair of strings.
pub(super) fn attribute(field: u32, key: &str, value: &str, out: &mut Vec<u8>) {
    wire::message(field, out, |out| {
        wire::string(attribute::KEY, key, out);
        wire::message(attribute::VALUE, out, |out| wire::string(attribute::STRING, value, out));
    });
}
