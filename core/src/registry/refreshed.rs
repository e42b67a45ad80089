//! The functions whose values other processes see: those of gauges. The exporters of a process call
//! each once a second while the process shares a segment.

use crate::sync::{AtomicU64, AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Counts a function for as long as it may be called.
#[derive(Debug)]
pub(crate) struct Refreshed {
    /// The last second in which it was called for others.
    second: AtomicU64,
}

impl Refreshed {
    pub(crate) fn new() -> Refreshed {
        COUNT.fetch_add(1, Ordering::SeqCst);
        Refreshed { second: AtomicU64::new(0) }
    }

    /// Returns whether it must be called for others in this second, counted from 1. Returns `true`
    /// once for each second.
    pub(crate) fn is_due(&self, second: u64) -> bool {
        self.second.fetch_max(second, Ordering::Relaxed) < second
    }
}

impl Drop for Refreshed {
    fn drop(&mut self) {
        COUNT.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Returns whether this process has such a function.
pub(crate) fn exist() -> bool {
    COUNT.load(Ordering::SeqCst) > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_due_once_per_second() {
        let refreshed = Refreshed::new();
        let due = [1, 1, 2, 5, 4, 5, 6].map(|second| refreshed.is_due(second));
        assert_eq!(due, [true, false, true, true, false, false, true]);
    }
}
