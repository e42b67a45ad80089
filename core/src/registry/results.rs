//! Reads callbacks for an exporter: takes the results of calls that other threads have made, and
//! calls nothing.

use std::cell::Cell;
#[cfg(feature = "exposition")]
use std::marker::PhantomData;

thread_local! {
    /// The current reading of this thread. No argument passes it, because `Collector::collect` and
    /// `Gauge::get`, which call callbacks, have no argument for it.
    static READING: Cell<Option<Reading>> = const { Cell::new(None) };
}

#[derive(Clone, Copy)]
struct Reading {
    /// The start of its gather.
    since: u64,
    /// Whether it met a callback that nobody had asked for.
    #[cfg_attr(not(feature = "exposition"), expect(dead_code, reason = "only exporters ask"))]
    has_missed: bool,
}

/// Until it is dropped, callbacks on this thread return results only.
#[cfg(feature = "exposition")]
pub(crate) struct ResultsOnly {
    /// The reading around this one, if there is one.
    outer: Option<Reading>,
    /// It belongs to its thread.
    _not_send: PhantomData<*const ()>,
}

#[cfg(feature = "exposition")]
impl ResultsOnly {
    /// Begins a reading that takes results of calls that ended after `since`.
    pub(crate) fn begin(since: u64) -> ResultsOnly {
        let outer = READING.replace(Some(Reading { since, has_missed: false }));
        ResultsOnly { outer, _not_send: PhantomData }
    }

    /// Ends it. Returns whether it met a callback that nobody had asked for.
    pub(crate) fn end(self) -> bool {
        READING.replace(self.outer).is_some_and(|reading| reading.has_missed)
    }
}

#[cfg(feature = "exposition")]
impl Drop for ResultsOnly {
    fn drop(&mut self) {
        READING.set(self.outer);
    }
}

/// Returns when the gather began that takes results on this thread. `None` if callbacks call their
/// functions.
pub(crate) fn since() -> Option<u64> {
    READING.get().map(|reading| reading.since)
}

/// Notes that the reading met a callback that nobody had asked for.
pub(crate) fn miss() {
    READING.set(READING.get().map(|reading| Reading { has_missed: true, ..reading }));
}

#[cfg(all(test, feature = "exposition"))]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_reading_ends_when_its_guard_is_dropped_even_by_a_panic() {
        assert_eq!(since(), None);
        let panics = catch_unwind(|| {
            let _results = ResultsOnly::begin(7);
            assert_eq!(since(), Some(7));
            panic!("a panic that the test expects");
        });
        assert!(panics.is_err());
        assert_eq!(since(), None);
    }

    #[test]
    fn a_reading_reports_only_its_own_missing_results() {
        let first = ResultsOnly::begin(1);
        miss();
        assert!(first.end());
        let outer = ResultsOnly::begin(2);
        let inner = ResultsOnly::begin(3);
        miss();
        assert!(inner.end());
        assert_eq!(since(), Some(2));
        assert!(!outer.end());
    }
}
