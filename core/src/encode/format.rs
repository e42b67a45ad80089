//! The two text formats, and where they differ.

use crate::model::desc::{Desc, Kind};

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
    /// Returns the Content-Type. Prometheus 3 refuses a scrape without it.
    pub const fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Returns the family's name in its HELP and TYPE lines.
    pub(super) fn family_name(self, desc: &Desc) -> &str {
        match (self, desc.kind()) {
            (Format::OpenMetrics, Kind::Counter) => {
                desc.name().strip_suffix("_total").unwrap_or(desc.name())
            }
            (Format::OpenMetrics, Kind::Info) => {
                desc.name().strip_suffix("_info").unwrap_or(desc.name())
            }
            _ => desc.name(),
        }
    }

    /// Returns what all samples of the family have in their names after [`Format::family_name`].
    pub(super) fn sample_suffix(self, desc: &Desc) -> &'static str {
        match (self, desc.kind()) {
            (Format::OpenMetrics, Kind::Counter) => "_total",
            (Format::OpenMetrics, Kind::Info) => "_info",
            _ => "",
        }
    }

    /// Returns the word in the TYPE line.
    pub(super) fn kind(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Format::OpenMetrics, Kind::Untyped) => "unknown",
            (Format::OpenMetrics, Kind::Info) => "info",
            _ => kind.as_str(),
        }
    }

    /// Returns the last line.
    pub(super) fn end(self) -> &'static str {
        match self {
            Format::Text => "",
            Format::OpenMetrics => "# EOF\n",
        }
    }
}
