//! How an exposition is encoded: as text, or in Protocol Buffers.

use crate::encode::format::Format;

/// An exposition format of Prometheus, as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A text.
    Text(Format),
    /// PrometheusProto: delimited messages `io.prometheus.client.MetricFamily`. It alone has the
    /// time at which each counter, histogram and summary was zero, from which Prometheus counts
    /// the first sample of a series:
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/#protobuf-format>
    Protobuf,
}

impl Encoding {
    /// Returns the Content-Type. Prometheus 3 refuses a scrape without it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Encoding::Text(format) => format.content_type(),
            Encoding::Protobuf => {
                "application/vnd.google.protobuf; \
                 proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

impl From<Format> for Encoding {
    fn from(format: Format) -> Encoding {
        Encoding::Text(format)
    }
}
