//! The two text formats, and their differences.

use crate::model::desc::Desc;
use crate::model::kind::Kind;

/// Suffixes of samples.
pub(super) type Suffixes = &'static [&'static str];

/// A format of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text format 0.0.4, or 1.0.0, which has names in quotes:
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
        match self {
            Format::Text => desc.name(),
            Format::OpenMetrics => desc.stem(),
        }
    }

    /// Returns the suffix that all samples of the family have after [`Format::family_name`].
    pub(super) fn sample_suffix(self, desc: &Desc) -> &'static str {
        match self {
            Format::Text => "",
            Format::OpenMetrics => desc.suffix(),
        }
    }

    /// Returns the word in the TYPE line. A counter of another library may have a name without
    /// `_total`, which OpenMetrics requires. Its type there is `unknown`, as `client_golang` writes
    /// it.
    pub(super) fn kind(self, desc: &Desc) -> &'static str {
        let kind = desc.kind();
        match self {
            Format::Text => kind.as_str(),
            Format::OpenMetrics if desc.suffix() != kind.suffix() => Kind::Untyped.in_openmetrics(),
            Format::OpenMetrics => kind.in_openmetrics(),
        }
    }

    /// Returns the suffixes of the samples that a histogram omits if it has a negative bound.
    /// OpenMetrics requires this: a sum that may go down is not a counter, and a count needs a sum.
    pub(super) fn omitted(self, has_negative_bound: impl Fn() -> bool) -> Suffixes {
        match self {
            Format::OpenMetrics if has_negative_bound() => &["_sum", "_count"],
            Format::Text | Format::OpenMetrics => &[],
        }
    }

    /// Returns what `prometheus_client` omits. In text, this is the sum.
    pub(super) fn omitted_like_client_python(
        self,
        has_negative_bound: impl Fn() -> bool,
    ) -> Suffixes {
        match self {
            Format::Text if has_negative_bound() => &["_sum"],
            Format::Text => &[],
            Format::OpenMetrics => self.omitted(has_negative_bound),
        }
    }

    /// Returns whether samples with this suffix form a separate gauge. The text format 0.0.4 has no
    /// start times and no gauge histograms; `prometheus_client` writes them in this way.
    pub(super) fn sets_apart(self, suffix: &str) -> bool {
        self == Format::Text && matches!(suffix, "_created" | "_gcount" | "_gsum")
    }

    /// Returns the last line.
    pub(super) fn end(self) -> &'static str {
        match self {
            Format::Text => "",
            Format::OpenMetrics => "# EOF\n",
        }
    }
}
