//! The functions whose values other processes see: those of gauges. An exporter calls them once a
//! second while this process shares a segment.

use crate::sync::{AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Counts a function for as long as it may be called.
#[derive(Debug)]
pub(crate) struct Refreshed(());

impl Refreshed {
    pub(crate) fn new() -> Refreshed {
        COUNT.fetch_add(1, Ordering::SeqCst);
        Refreshed(())
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
