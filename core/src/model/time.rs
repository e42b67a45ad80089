//! Points in time as numbers.

use std::time::{Duration, SystemTime};

/// Returns milliseconds of Unix time as a point in time. `None` for a number that only a damaged
/// segment holds.
pub(crate) fn from_millis(millis: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

/// Returns the time since the beginning of Unix time; `None` for a time before it.
pub(crate) fn since_epoch(time: SystemTime) -> Option<Duration> {
    time.duration_since(SystemTime::UNIX_EPOCH).ok()
}
