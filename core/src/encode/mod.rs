//! Snapshot to bytes: pure functions that cannot fail and do no I/O.
//!
//! Names and labels were checked when their metrics were made, so every snapshot can be written.

mod format;
mod writer;

use crate::snapshot::MetricFamily;

pub use format::Format;
#[cfg(feature = "prometheus")]
pub(crate) use writer::bound;

/// The Content-Type of [`text`]. Prometheus 3 refuses a scrape without it.
pub const CONTENT_TYPE: &str = Format::Text.content_type();

/// The families in the text format 0.0.4. Ends in a newline unless it is empty.
pub fn text(families: &[MetricFamily]) -> String {
    let mut out = String::new();
    text_into(families, &mut out);
    out
}

/// The same, behind what `out` holds already.
pub fn text_into(families: &[MetricFamily], out: &mut String) {
    writer::write(families, Format::Text, out);
}

/// The families in OpenMetrics 1.0. Ends in `# EOF` and a newline. A counter is named with
/// `_total`, whatever its source calls it; no `_created` series is written.
pub fn open_metrics(families: &[MetricFamily]) -> String {
    let mut out = String::new();
    writer::write(families, Format::OpenMetrics, &mut out);
    out
}

/// The families in `format`.
pub fn encode(families: &[MetricFamily], format: Format) -> String {
    match format {
        Format::Text => text(families),
        Format::OpenMetrics => open_metrics(families),
    }
}
