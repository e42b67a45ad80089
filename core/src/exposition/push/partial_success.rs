//! The response of an OTLP endpoint to a request that it accepted.

/// The part of a request that an endpoint rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartialSuccess {
    /// The number of rejected points; 0 if the message is only a warning.
    pub(crate) rejected: u64,
    pub(crate) message: String,
}

/// The fields of an `ExportMetricsServiceResponse` and an `ExportMetricsPartialSuccess`.
const PARTIAL_SUCCESS: u64 = 1;
const REJECTED: u64 = 1;
const MESSAGE: u64 = 2;

impl PartialSuccess {
    /// Reads an `ExportMetricsServiceResponse`. Returns `None` if everything was accepted. Also
    /// returns `None` if the body is not such a message, because then only the status of the
    /// response matters.
    pub(crate) fn read(response: &[u8]) -> Option<PartialSuccess> {
        let mut partial = PartialSuccess { rejected: 0, message: String::new() };
        let mut fields = Fields(response);
        while let Some((field, value)) = fields.next()? {
            let (PARTIAL_SUCCESS, Value::Bytes(bytes)) = (field, value) else { continue };
            let mut fields = Fields(bytes);
            while let Some((field, value)) = fields.next()? {
                match (field, value) {
                    // A negative number would be a large one here, and is not valid.
                    (REJECTED, Value::Varint(rejected)) if i64::try_from(rejected).is_ok() => {
                        partial.rejected = rejected;
                    }
                    (MESSAGE, Value::Bytes(bytes)) => {
                        partial.message = String::from_utf8_lossy(bytes).into_owned();
                    }
                    _ => {}
                }
            }
        }
        (partial.rejected > 0 || !partial.message.is_empty()).then_some(partial)
    }
}

/// The fields of a message of Protocol Buffers.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// A number of four or eight bytes.
    Fixed,
}

impl<'a> Fields<'a> {
    /// Returns the next field; `Some(None)` at the end, and `None` if the message is damaged.
    #[expect(clippy::option_option, reason = "the end, or damage")]
    fn next(&mut self) -> Option<Option<(u64, Value<'a>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return None,
        };
        Some(Some((key >> 3, value)))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for place in 0..10 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_parsed_or_ignored() {
        let some = |rejected, message: &str| {
            Some(PartialSuccess { rejected, message: message.to_owned() })
        };
        for (response, expected) in [
            (&b""[..], None),
            (b"\x0a\x00", None),
            (b"\x0a\x05\x08\x07\x12\x01x", some(7, "x")),
            (b"\x0a\x03\x12\x01x", some(0, "x")),
            (b"\x0a\x03\x08\x96\x01", some(150, "")),
            // Unknown fields are skipped.
            (b"\x10\x01\x1a\x01y\x0a\x02\x08\x02\x25\0\0\0\0", some(2, "")),
            // A negative number of points.
            (b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", None),
            (b"\x0a\x05\x08", None),
            (b"<html>no message</html>", None),
            (b"{\"partialSuccess\":{}}", None),
        ] {
            assert_eq!(PartialSuccess::read(response), expected, "{response:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_cause_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..40)) {
            PartialSuccess::read(&bytes);
        }
    }
}
