//! Events of this library itself, counted where they happen and read by `collectors/health.rs`.
//!
//! Processes that count in a segment also count their events there, so an exposition sums over all
//! processes.

use std::fmt;
use std::sync::OnceLock;

use crate::sync::{AtomicU64, Ordering};

/// One kind of event.
pub(crate) struct Event {
    /// The events of this process, except those that are counted in its segment.
    own: AtomicU64,
    place: usize,
}

/// The place where the processes of a segment count events.
pub(crate) trait SharedEvents: Sync {
    /// Returns the word of this process, if it has one.
    fn word(&self, event: usize) -> Option<&AtomicU64>;

    /// Returns the words of all processes, ended ones included.
    fn all(&self, event: usize) -> Vec<u64>;
}

static SHARED: OnceLock<&'static dyn SharedEvents> = OnceLock::new();

/// Makes this process count its events there. Only the first call has an effect.
pub(crate) fn share(shared: &'static dyn SharedEvents) {
    SHARED.get_or_init(|| shared);
}

impl Event {
    const fn new(place: usize) -> Event {
        assert!(place < EVENTS, "an event has one of the places");
        Event { own: AtomicU64::new(0), place }
    }

    fn word(&self) -> &AtomicU64 {
        SHARED.get().and_then(|shared| shared.word(self.place)).unwrap_or(&self.own)
    }

    /// Counts one event.
    pub(crate) fn add(&self) {
        self.add_many(1);
    }

    /// Counts that many events.
    pub(crate) fn add_many(&self, count: u64) {
        self.word().fetch_add(count, Ordering::Relaxed);
    }

    /// Records a time. Only the latest one is kept.
    #[cfg_attr(not(feature = "push"), expect(dead_code, reason = "pushes have times"))]
    pub(crate) fn note(&self, time: u64) {
        self.word().fetch_max(time, Ordering::Relaxed);
    }

    /// Returns the sum over all processes.
    pub(crate) fn total(&self) -> u64 {
        self.all().fold(0, u64::saturating_add)
    }

    /// Returns the latest time of all processes.
    pub(crate) fn latest(&self) -> u64 {
        self.all().max().unwrap_or(0)
    }

    fn all(&self) -> impl Iterator<Item = u64> {
        let shared = SHARED.get().map(|shared| shared.all(self.place)).unwrap_or_default();
        shared.into_iter().chain([self.own.load(Ordering::Relaxed)])
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Event").field(&self.total()).finish()
    }
}

/// Declares all kinds of events, each with its place in a block header of a segment.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident = $place:literal;)*) => {
        $($(#[$doc])* pub(crate) static $name: Event = Event::new($place);)*

        /// The number of kinds of events.
        pub(crate) const EVENTS: usize = [$($place),*].len();

        static ALL: [&Event; EVENTS] = [$(&$name),*];
    };
}

// Processes of other versions share the segment, so a place never changes its meaning.
events! {
    /// Scrapes of `/metrics` that got a response.
    SCRAPES = 0;
    /// Requests to a Pushgateway or an OTLP endpoint that succeeded.
    PUSHES = 1;
    /// Requests to a Pushgateway or an OTLP endpoint that failed.
    PUSH_FAILURES = 2;
    /// Unix time of the last push that succeeded, in milliseconds; 0 before the first.
    LAST_PUSH = 3;
    /// Calls of an application's function that returned no value.
    CALLBACK_FAILURES = 4;
    /// Look-ups of new label values in a full family, which returned its overflow child.
    LABEL_OVERFLOWS = 5;
    /// Attempts to start an exporter that failed, after its first start.
    START_FAILURES = 6;
    /// Panics of an exporter's thread, each of which lost the current work.
    EXPORTER_PANICS = 7;
    /// Failed attempts to attach to a segment. After one, the process counts in private memory.
    SEGMENT_FAILURES = 8;
    /// Series that are counted in private memory although the process has a segment.
    SERIES_APART = 9;
    /// Points that OTLP endpoints rejected in requests that they accepted.
    REJECTED_POINTS = 10;
}

/// Counts a successful push and its time, in milliseconds of Unix time.
#[cfg(feature = "push")]
pub(crate) fn count_push(time: u64) {
    LAST_PUSH.note(time);
    PUSHES.add();
}

/// Resets the events of this process to zero, in a forked child. Those in a segment stay.
pub(crate) fn restart() {
    for event in ALL {
        event.own.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_place() {
        let mut places = ALL.map(|event| event.place);
        places.sort_unstable();
        assert!(places.into_iter().eq(0..EVENTS), "{places:?}");
    }
}
