//! The wire format of Protocol Buffers: <https://protobuf.dev/programming-guides/encoding/>
//!
//! Each function appends one field. Fields may follow each other in any order.

/// A number of variable length.
const VARINT: u32 = 0;
/// Eight bytes.
const FIXED64: u32 = 1;
/// A length and as many bytes.
const DELIMITED: u32 = 2;
/// The maximum length of a varint, in bytes.
const MAX_VARINT: usize = 10;

/// The length of an eight-byte number with its key, for fields below 16.
pub(super) const EIGHT: usize = 9;

/// Appends the beginning of a message of that many bytes.
pub(super) fn begin(field: u32, length: usize, out: &mut Vec<u8>) {
    key(field, DELIMITED, out);
    raw_varint(length as u64, out);
}

/// Appends an integer, or an enum.
pub(super) fn varint(field: u32, number: u64, out: &mut Vec<u8>) {
    key(field, VARINT, out);
    raw_varint(number, out);
}

/// Appends an `sint32` or an `sint64`. Small numbers are short, even negative ones.
pub(super) fn signed(field: u32, number: i64, out: &mut Vec<u8>) {
    let folded = (number << 1) ^ (number >> 63);
    varint(field, u64::from_ne_bytes(folded.to_ne_bytes()), out);
}

/// Appends a repeated integer.
pub(super) fn packed_varints(field: u32, numbers: impl Iterator<Item = u64>, out: &mut Vec<u8>) {
    message(field, out, |out| numbers.for_each(|number| raw_varint(number, out)));
}

/// Appends a `double`.
#[inline]
pub(super) fn double(field: u32, number: f64, out: &mut Vec<u8>) {
    fixed64(field, number.to_bits(), out);
}

/// Appends a `fixed64` or an `sfixed64`.
#[inline]
pub(super) fn fixed64(field: u32, number: u64, out: &mut Vec<u8>) {
    let key = field << 3 | FIXED64;
    if key >= 0x80 {
        raw_varint(key.into(), out);
        out.extend_from_slice(&number.to_le_bytes());
        return;
    }
    // Key and number are appended together, so the capacity is checked once.
    let mut bytes = [0; EIGHT];
    bytes[0] = key.to_le_bytes()[0];
    bytes[1..].copy_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&bytes);
}

/// Appends a repeated `fixed64`, or `double` by its bits.
pub(super) fn packed(field: u32, numbers: impl Iterator<Item = u64>, out: &mut Vec<u8>) {
    message(field, out, |out| numbers.for_each(|number| out.extend(number.to_le_bytes())));
}

/// Appends a `string`.
pub(super) fn string(field: u32, text: &str, out: &mut Vec<u8>) {
    bytes(field, text.as_bytes(), out);
}

/// Appends `bytes`.
pub(super) fn bytes(field: u32, bytes: &[u8], out: &mut Vec<u8>) {
    key(field, DELIMITED, out);
    raw_varint(bytes.len() as u64, out);
    out.extend(bytes);
}

/// Appends a message whose fields `write` appends.
pub(super) fn message(field: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    message_of(0, field, out, write);
}

/// Appends a message of about that many bytes, as [`delimited`] does.
pub(super) fn message_of(
    about: usize,
    field: u32,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) {
    key(field, DELIMITED, out);
    delimited(about, out, write);
}

/// Appends the length of a message and the message. `about` is the expected length. If the varint
/// of the length takes another number of bytes, the message is moved.
pub(super) fn delimited(about: usize, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    raw_varint(about as u64, out);
    let from = out.len();
    write(out);
    let (length, room) = (out.len() - from, from - start);
    if length < 0x80 && room == 1 {
        out[start] = length.to_le_bytes()[0];
        return;
    }
    let mut bytes = Vec::with_capacity(MAX_VARINT);
    raw_varint(length as u64, &mut bytes);
    out.splice(start..from, bytes);
}

fn key(field: u32, wire_type: u32, out: &mut Vec<u8>) {
    raw_varint(u64::from(field << 3 | wire_type), out);
}

#[inline]
fn raw_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with the examples of the specification.
    #[test]
    fn fields_are_encoded_as_in_the_specification() {
        let mut out = Vec::new();
        varint(1, 150, &mut out);
        string(2, "testing", &mut out);
        message(3, &mut out, |out| varint(1, 150, out));
        double(16, 1.0, &mut out);
        let expected = b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01\
                         \x81\x01\0\0\0\0\0\0\xf0\x3f";
        assert_eq!(out, expected);
    }

    #[test]
    fn a_length_is_written_in_the_fewest_bytes() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 3_000_000] {
            for about in [0, 127, 128, 20_000, 9_000_000] {
                let mut out = vec![7];
                delimited(about, &mut out, |out| out.resize(out.len() + length, 9));
                let mut expected = vec![7];
                raw_varint(length as u64, &mut expected);
                expected.resize(expected.len() + length, 9);
                assert!(out == expected, "{length}, {about}");
            }
        }
        let mut out = Vec::new();
        raw_varint(u64::MAX, &mut out);
        assert_eq!(out.len(), MAX_VARINT);
    }
}
