//! Points in time as numbers.

use std::time::{Duration, SystemTime};

/// A time that a collector sets for one of its samples, in the notation that the collector chose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Timestamp {
    /// Whole seconds of Unix time.
    Seconds(i64),
    /// Seconds of Unix time. A number that is not finite is not exposed.
    Float(f64),
    /// Whole seconds of Unix time, and nanoseconds after them.
    Nanos(i64, u32),
}

impl Timestamp {
    /// Returns the seconds of Unix time.
    pub fn seconds(self) -> f64 {
        match self {
            Timestamp::Seconds(seconds) => seconds as f64,
            Timestamp::Float(seconds) => seconds,
            Timestamp::Nanos(seconds, nanos) => seconds as f64 + f64::from(nanos) / 1e9,
        }
    }

    /// Returns the whole milliseconds of Unix time, or `None` if the time is not finite.
    pub fn millis(self) -> Option<i64> {
        let millis = self.seconds() * 1000.0;
        #[expect(clippy::cast_possible_truncation, reason = "it saturates")]
        millis.is_finite().then_some(millis as i64)
    }
}

/// Returns milliseconds of Unix time as a point in time. Returns `None` for a number that can only
/// be in a damaged segment.
pub(crate) fn from_millis(millis: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

/// Returns the time since the beginning of Unix time; `None` for a time before it.
pub(crate) fn since_epoch(time: SystemTime) -> Option<Duration> {
    time.duration_since(SystemTime::UNIX_EPOCH).ok()
}
