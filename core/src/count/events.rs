//! Events of this library itself, counted where they happen and read by `collectors/health.rs`.

#[cfg(feature = "push")]
use crate::count::created::now;
use crate::sync::{AtomicU64, Ordering};

/// Scrapes of `/metrics` that were answered.
pub(crate) static SCRAPES: AtomicU64 = AtomicU64::new(0);
/// Requests to a Pushgateway or an OTLP endpoint that succeeded.
pub(crate) static PUSHES: AtomicU64 = AtomicU64::new(0);
/// Requests to a Pushgateway or an OTLP endpoint that failed.
pub(crate) static PUSH_FAILURES: AtomicU64 = AtomicU64::new(0);
/// Points that OTLP endpoints rejected of requests that they took.
pub(crate) static REJECTED_POINTS: AtomicU64 = AtomicU64::new(0);
/// Unix time of the last push that succeeded, in milliseconds; 0 before the first.
pub(crate) static LAST_PUSH: AtomicU64 = AtomicU64::new(0);
/// Calls of an application's function that returned no value.
pub(crate) static CALLBACK_FAILURES: AtomicU64 = AtomicU64::new(0);
/// Look-ups that a full family answered with its overflow child.
pub(crate) static LABEL_OVERFLOWS: AtomicU64 = AtomicU64::new(0);

/// Attempts to start an exporter that failed, after its first start.
pub(crate) static START_FAILURES: AtomicU64 = AtomicU64::new(0);
/// Panics of an exporter's thread, each of which cost the work at hand.
pub(crate) static EXPORTER_PANICS: AtomicU64 = AtomicU64::new(0);
/// Attempts to attach to a segment that failed: the process counts in private memory.
pub(crate) static SEGMENT_FAILURES: AtomicU64 = AtomicU64::new(0);
/// Series that are counted in private memory although the process has a segment.
pub(crate) static SERIES_APART: AtomicU64 = AtomicU64::new(0);

/// Counts a push that succeeded now.
#[cfg(feature = "push")]
pub(crate) fn count_push() {
    LAST_PUSH.store(now(), Ordering::Relaxed);
    PUSHES.fetch_add(1, Ordering::Relaxed);
}

/// Resets all events to zero, in a forked child.
pub(crate) fn restart() {
    let all = [
        &SCRAPES,
        &PUSHES,
        &PUSH_FAILURES,
        &REJECTED_POINTS,
        &LAST_PUSH,
        &CALLBACK_FAILURES,
        &LABEL_OVERFLOWS,
        &START_FAILURES,
        &EXPORTER_PANICS,
        &SEGMENT_FAILURES,
        &SERIES_APART,
    ];
    for number in all {
        number.store(0, Ordering::Relaxed);
    }
}
