//! The time limit that scrapes, pushes and the C library share.

use std::time::Duration;

/// A year. Longer limits and intervals are reduced to it, because adding one to a point in time
/// must not overflow, which would panic.
pub const LONGEST: Duration = Duration::from_secs(365 * 86_400);
