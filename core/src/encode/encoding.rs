//! The encoding of an exposition: text, or Protocol Buffers.

use crate::encode::escaping::Escaping;
use crate::encode::format::Format;

/// An exposition format of Prometheus, as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// A text.
    Text(Format),
    /// PrometheusProto: delimited messages `io.prometheus.client.MetricFamily`. Only this format
    /// has the start times of counters, histograms and summaries, from which Prometheus counts the
    /// first sample of a series:
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/#protobuf-format>
    Protobuf,
}

impl Encoding {
    /// The Content-Type of the text format 1.0.0, which adds escaping schemes to 0.0.4.
    pub const TEXT_1_0_0: &str = "text/plain; version=1.0.0; charset=utf-8";

    /// Returns the Content-Type for a client that names an escaping scheme. It includes the scheme,
    /// and for the text format the version of [`Encoding::TEXT_1_0_0`].
    pub fn content_type_escaped(self, escaping: Escaping) -> String {
        let with_schemes = match self {
            Encoding::Text(Format::Text) => Encoding::TEXT_1_0_0,
            other => other.content_type(),
        };
        format!("{with_schemes}; escaping={}", escaping.as_str())
    }

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
