//! Constants that scrapes and pushes share.

/// The target of every line that this crate logs.
pub(crate) const LOG_TARGET: &str = "dataclay_metrics";

/// A year: longer limits and intervals are taken as this, because adding one to a point in time
/// must not overflow, which would panic.
#[cfg(feature = "push")]
pub(crate) const LONGEST: std::time::Duration = std::time::Duration::from_secs(365 * 86_400);
