//! The log lines of exporters. Every line of this crate is written here, on an exporter's thread.

use std::fmt;

use crate::model::printable::Printable;

/// The target of every line that this crate logs.
const LOG_TARGET: &str = "dataclay_metrics";

/// Logs a failure that costs numbers, or its end.
pub(crate) fn warn(line: fmt::Arguments<'_>) {
    log::warn!(target: LOG_TARGET, "{}", Printable(line));
}

/// Logs a failure that stops an exporter.
#[cfg(feature = "http")]
pub(crate) fn error(line: fmt::Arguments<'_>) {
    log::error!(target: LOG_TARGET, "{}", Printable(line));
}
