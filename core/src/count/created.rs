//! The start of a series: the time at which its counts were zero.

use std::cell::Cell;
use std::time::SystemTime;

use crate::sync::{AtomicU64, Ordering};

/// The time at which the counts of a metric began, in milliseconds of Unix time.
///
/// One millisecond is subtracted, so it is strictly before every sample of the series, even if the
/// first sample follows at once. Prometheus requires that.
#[derive(Debug)]
pub(crate) struct Created(AtomicU64);

/// The number of changes of the start of any metric.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// The time of the fork that made this process. The counts in its private memory began then. 0
/// without a fork.
static FORKED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The time that replaces the current time on this thread, in milliseconds of Unix time.
    static CHOSEN: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Runs `make`. Each metric that it makes or resets on this thread gets the start time `time`, and
/// not the time a millisecond ago.
///
/// For a program that does not use the system's clock, such as a test that stops the time. In a
/// segment, the time at which the first process of the series counted replaces it.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// let start = SystemTime::UNIX_EPOCH + Duration::from_millis(123_456);
/// let make = || dataclay_metrics_core::Counter::new("jobs", "Jobs of this batch");
/// let jobs = dataclay_metrics_core::began_at(start, make)?;
/// assert_eq!(jobs.created(), Some(start));
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
pub fn began_at<R>(time: SystemTime, make: impl FnOnce() -> R) -> R {
    struct Restore(Option<u64>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CHOSEN.set(self.0);
        }
    }
    let _restore = Restore(CHOSEN.replace(Some(millis(time))));
    make()
}

impl Created {
    /// Returns the start time of a new metric.
    pub(crate) fn at_making() -> Created {
        Created(AtomicU64::new(start()))
    }

    /// Returns the time in private memory.
    pub(crate) fn here(&self) -> u64 {
        self.0.load(Ordering::Relaxed).max(FORKED.load(Ordering::Relaxed))
    }

    /// Returns the time in a segment, for a metric whose series was found there.
    pub(crate) fn in_segment(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Replaces the time after a reset.
    pub(crate) fn begin_again(&self) {
        self.replace(start());
    }

    /// Replaces the time by the start time of the series in a segment.
    pub(crate) fn replace(&self, created: u64) {
        if self.0.swap(created, Ordering::Relaxed) != created {
            CHANGES.fetch_add(1, Ordering::Release);
        }
    }
}

/// Returns how often the time of any metric has changed. To cache a time, read this first.
pub(crate) fn changes() -> u64 {
    CHANGES.load(Ordering::Acquire)
}

/// Records that this process has just been forked, so its counts begin now.
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
    millis(SystemTime::now())
}

/// Returns the start time of a series that begins now, or the one that [`began_at`] sets.
fn start() -> u64 {
    CHOSEN.get().unwrap_or_else(just_before_now)
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
