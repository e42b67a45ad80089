//! The two text formats, and all in which they differ.

use crate::desc::Kind;
use crate::snapshot::MetricFamily;

/// A format of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text format 0.0.4:
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>
    Text,
    /// OpenMetrics 1.0: <https://prometheus.io/docs/specs/om/open_metrics_spec/>
    OpenMetrics,
}

impl Format {
    /// The Content-Type. Prometheus 3 refuses a scrape without it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The family's name in its HELP and TYPE lines.
    pub(super) fn family_name(self, family: &MetricFamily) -> &str {
        match (self, family.kind()) {
            (Format::OpenMetrics, Kind::Counter) => {
                family.name().strip_suffix("_total").unwrap_or(family.name())
            }
            _ => family.name(),
        }
    }

    /// What follows the family's name above in the names of all its samples.
    pub(super) fn sample_suffix(self, family: &MetricFamily) -> &'static str {
        match (self, family.kind()) {
            (Format::OpenMetrics, Kind::Counter) => "_total",
            _ => "",
        }
    }

    /// The word in the TYPE line.
    pub(super) fn kind(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Format::OpenMetrics, Kind::Untyped) => "unknown",
            _ => kind.as_str(),
        }
    }

    /// What a character of a HELP text is written as, if not as itself.
    pub(super) fn help_escape(self, char: char) -> Option<&'static str> {
        match (self, char) {
            (_, '\\') => Some("\\\\"),
            (_, '\n') => Some("\\n"),
            (Format::OpenMetrics, '"') => Some("\\\""),
            _ => None,
        }
    }

    /// The last line.
    pub(super) fn end(self) -> &'static str {
        match self {
            Format::Text => "",
            Format::OpenMetrics => "# EOF\n",
        }
    }
}
