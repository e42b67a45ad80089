//! When a series began: the time at which its counts were zero.

use std::time::SystemTime;

use crate::sync::{AtomicU64, Ordering};

/// The time at which the counts of a metric began, in milliseconds of Unix time.
///
/// It lies a millisecond back. So it is strictly before every sample of the series, which
/// Prometheus demands, also if the first sample follows at once.
#[derive(Debug)]
pub(crate) struct Created(AtomicU64);

/// How often the time of any metric has changed.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// When this process was forked: the counts in its private memory began there. 0 without a fork.
static FORKED: AtomicU64 = AtomicU64::new(0);

impl Created {
    /// Returns the time of a metric that is made now.
    pub(crate) fn at_making() -> Created {
        Created(AtomicU64::new(just_before_now()))
    }

    /// Returns the time in private memory.
    pub(crate) fn here(&self) -> u64 {
        self.0.load(Ordering::Relaxed).max(FORKED.load(Ordering::Relaxed))
    }

    /// Returns the time in a segment, for a metric whose series was found there.
    pub(crate) fn in_segment(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Replaces the time by that of the series in a segment.
    pub(crate) fn replace(&self, created: u64) {
        if self.0.swap(created, Ordering::Relaxed) != created {
            CHANGES.fetch_add(1, Ordering::Release);
        }
    }
}

/// Returns how often the time of any metric has changed. To keep a time, read this before it.
pub(crate) fn changes() -> u64 {
    CHANGES.load(Ordering::Acquire)
}

/// Notes that this process has just been forked: it counts from zero.
pub(crate) fn restart() {
    FORKED.store(just_before_now(), Ordering::Relaxed);
    CHANGES.fetch_add(1, Ordering::Release);
}

/// Returns the time of a series that begins now.
pub(crate) fn just_before_now() -> u64 {
    now().saturating_sub(1)
}

/// Returns the milliseconds of Unix time.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
