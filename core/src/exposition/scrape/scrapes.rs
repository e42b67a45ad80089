//! Scrapes that wait for functions of the application.
//!
//! Requests for the same metrics that arrive in one round of the loop form a batch.

use std::time::{Duration, Instant};

use crate::exposition::scrape::selection::Selection;
use crate::exposition::thread::gatherer::{Gather, Gatherer};

/// The time after which scrapes that wait for functions check again whether those need another
/// thread.
const TICK: Duration = Duration::from_millis(100);

/// A request for the metrics.
pub(crate) struct Scrape {
    /// The connection.
    pub(crate) token: usize,
    pub(crate) selection: Selection,
    pub(crate) is_head: bool,
    pub(crate) limit: Duration,
    pub(crate) deadline: Instant,
}

/// Scrapes of the same metrics that share a gather.
pub(crate) struct Batch {
    pub(crate) gather: Gather,
    /// At least one scrape.
    pub(crate) scrapes: Vec<Scrape>,
}

impl Batch {
    /// Returns whether one gather can serve both.
    pub(crate) fn may_join(&self, other: &Batch) -> bool {
        self.scrapes[0].selection.names() == other.scrapes[0].selection.names()
            && self.gather.is_complete()
            && other.gather.is_complete()
    }

    /// Adds the scrapes of another batch, and keeps the later gather, which has called the
    /// functions after both began.
    pub(crate) fn join(&mut self, other: Batch) {
        if other.gather.began_after(&self.gather) {
            self.gather = other.gather;
        }
        self.scrapes.extend(other.scrapes);
    }
}

#[derive(Default)]
pub(crate) struct Scrapes {
    /// Scrapes that have arrived in this round.
    arrived: Vec<Scrape>,
    waiting: Vec<Batch>,
}

impl Scrapes {
    pub(crate) fn add(&mut self, scrape: Scrape) {
        self.arrived.push(scrape);
    }

    /// Moves scrapes that cannot get a response yet to the waiting ones.
    pub(crate) fn wait(&mut self, batch: Batch) {
        self.waiting.push(batch);
    }

    /// Requests calls of the functions that the scrapes of this round need.
    pub(crate) fn begin(&mut self, gatherer: &Gatherer) {
        let mut groups: Vec<Vec<Scrape>> = Vec::new();
        for scrape in std::mem::take(&mut self.arrived) {
            let names = scrape.selection.names();
            match groups.iter_mut().find(|group| group[0].selection.names() == names) {
                Some(group) => group.push(scrape),
                None => groups.push(vec![scrape]),
            }
        }
        for scrapes in groups {
            let limit = scrapes.iter().map(|scrape| scrape.limit).max().unwrap_or_default();
            let gather = gatherer.begin(scrapes[0].selection.names(), limit);
            self.waiting.push(Batch { gather, scrapes });
        }
    }

    /// Removes and returns the scrapes whose functions have returned or whose deadline has passed.
    pub(crate) fn due(&mut self, gatherer: &Gatherer) -> Vec<Batch> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        gatherer.tend();
        let now = Instant::now();
        let (mut settled, mut late): (Vec<Batch>, Vec<Batch>) = (Vec::new(), Vec::new());
        for mut batch in std::mem::take(&mut self.waiting) {
            if batch.gather.is_settled() {
                match settled.iter_mut().find(|other| other.may_join(&batch)) {
                    Some(other) => other.join(batch),
                    None => settled.push(batch),
                }
                continue;
            }
            let is_due = |scrape: &Scrape| scrape.deadline <= now;
            let (due, later): (Vec<_>, _) = batch.scrapes.into_iter().partition(is_due);
            if later.is_empty() {
                batch.gather.give_up();
                late.push(Batch { gather: batch.gather, scrapes: due });
                continue;
            }
            if !due.is_empty() {
                late.push(Batch { gather: batch.gather.so_far(), scrapes: due });
            }
            self.waiting.push(Batch { gather: batch.gather, scrapes: later });
        }
        late.extend(settled);
        late
    }

    /// Returns all scrapes, even if they still wait for functions.
    pub(crate) fn all(&mut self, gatherer: &Gatherer) -> Vec<Batch> {
        self.begin(gatherer);
        std::mem::take(&mut self.waiting)
    }

    /// Returns when a scrape is due, or when to check its functions.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let scrapes = self.waiting.iter().flat_map(|batch| &batch.scrapes);
        let tick = (!self.waiting.is_empty()).then(|| Instant::now() + TICK);
        scrapes.map(|scrape| scrape.deadline).chain(tick).min()
    }

    /// Drops all scrapes.
    pub(crate) fn clear(&mut self) {
        self.arrived.clear();
        self.waiting.clear();
    }
}
