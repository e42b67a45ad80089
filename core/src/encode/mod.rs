//! Metrics to bytes: what a registry reads, or a snapshot. Cannot fail, and does no I/O.
//!
//! Names and labels were checked when their metrics were made, so everything can be written.

mod escape;
mod format;
mod text;
mod texts;

use crate::encode::text::Writer;
use crate::model::snapshot::MetricFamily;
use crate::registry::Registry;

pub use format::Format;

/// The Content-Type of [`text`]. Prometheus 3 refuses a scrape without it.
pub const CONTENT_TYPE: &str = Format::Text.content_type();

impl Registry {
    /// What [`encode`] makes of [`Registry::gather`], several times as fast: no snapshot is taken.
    ///
    /// ```
    /// use dataclay_metrics_core::encode::{self, Format};
    /// use dataclay_metrics_core::{Counter, Registry};
    ///
    /// let registry = Registry::new();
    /// registry.register(&Counter::new("hits", "Lookups that hit")?)?;
    /// let text = registry.encode(Format::Text);
    /// assert_eq!(text, encode::text(&registry.gather()));
    /// # Ok::<(), dataclay_metrics_core::Error>(())
    /// ```
    pub fn encode(&self, format: Format) -> String {
        let mut out = String::new();
        self.encode_into(format, &mut out);
        out
    }

    /// The same, behind what `out` holds already.
    pub fn encode_into(&self, format: Format, out: &mut String) {
        self.entries(|entries| {
            out.reserve(entries.bytes());
            entries.read(&mut Writer { format, out });
        });
        out.push_str(format.end());
    }
}

/// The families in the text format 0.0.4. Ends in a newline unless it is empty.
pub fn text(families: &[MetricFamily]) -> String {
    let mut out = String::new();
    text_into(families, &mut out);
    out
}

/// The same, behind what `out` holds already.
pub fn text_into(families: &[MetricFamily], out: &mut String) {
    Writer { format: Format::Text, out }.families(families);
}

/// The families in OpenMetrics 1.0. Ends in `# EOF` and a newline. A counter is named with
/// `_total`, whatever its source calls it; no `_created` series is written.
pub fn open_metrics(families: &[MetricFamily]) -> String {
    let mut out = String::new();
    Writer { format: Format::OpenMetrics, out: &mut out }.families(families);
    out
}

/// The families in `format`.
pub fn encode(families: &[MetricFamily], format: Format) -> String {
    match format {
        Format::Text => text(families),
        Format::OpenMetrics => open_metrics(families),
    }
}
