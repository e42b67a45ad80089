//! Reads the counts, gauges and series of a segment that this process has attached.

use crate::count::block::Slot;
use crate::count::segment::attached::Attached;
use crate::count::segment::gauges::Gauge;
use crate::count::segment::layout::{self, lock};
use crate::count::segment::mapping::Mapping;
use crate::count::segment::record::{Family, Series};
use crate::count::segment::source::Source;
use crate::count::segment::{blocks, claimed, leaving};
use crate::diagnostics::events;
use crate::sync::{AtomicU64, Ordering};

/// A series of the directory, as a reader sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) family: Family,
    pub(crate) series: Series,
    /// Whether this process has a metric for the series.
    pub(crate) is_made: bool,
}

impl Attached {
    /// Returns what this process has counted in a word and in private memory. No count moves
    /// between the two meanwhile.
    pub(crate) fn own_sum(&self, slot: Slot, private: impl FnOnce() -> (u64, f64)) -> (u64, f64) {
        let own = self.own.lock();
        let (now, apart) = (claimed::own_sum(&self.mapping, &own.claimed, slot), private());
        (now.0.saturating_add(apart.0), now.1 + apart.1)
    }

    /// Writes to `sums` the observations of this process in cells, and calls `private` to add those
    /// in private memory. No count moves between the two meanwhile.
    pub(crate) fn own_cells(
        &self,
        first: usize,
        sums: &mut [(u64, f64)],
        private: impl FnOnce(&mut [(u64, f64)]),
    ) {
        let own = self.own.lock();
        claimed::own_cells(&self.mapping, &own.claimed, first, sums);
        private(sums);
    }

    /// Returns whether this process has a metric for each series of the directory, and no series is
    /// a gauge whose values are all exposed.
    pub(crate) fn has_made_all(&self) -> bool {
        let mut own = self.own.lock();
        own.directory.refresh(&self.mapping);
        own.directory.series().all(|(_, series)| own.has_made(series) && !series.merge.is_each())
    }

    /// Returns all series of the directory.
    pub(crate) fn series(&self) -> Vec<Seen> {
        let mut own = self.own.lock();
        own.directory.refresh(&self.mapping);
        let all = own.directory.series();
        all.map(|(family, series)| Seen {
            family: family.clone(),
            series: series.clone(),
            is_made: own.has_made(series),
        })
        .collect()
    }
}

impl Source for Attached {
    fn blocks(&self) -> (&Mapping, usize) {
        (&self.mapping, self.used())
    }

    fn gauges(&self, slot: Slot, how: u8) -> Vec<Gauge> {
        let mut own = self.own.lock();
        let Some(file) = own.held.get(&self.path) else {
            return Vec::new();
        };
        let used = self.used();
        let mut live = blocks::locked(file, lock::GAUGES, used).unwrap_or_default();
        // The kernel does not report the process's own locks.
        live.extend(self.process_number().filter(|_| !leaving::is_on()));
        blocks::gauges(&self.mapping, &live, used, slot, how)
    }
}

impl events::SharedEvents for Attached {
    fn word(&self, event: usize) -> Option<&AtomicU64> {
        let number = self.process_number()?;
        self.mapping.block_header(number).get(layout::block_header::EVENTS + event)
    }

    fn all(&self, event: usize) -> Vec<u64> {
        let at = layout::block_header::EVENTS + event;
        let word = |number| self.mapping.block_header(number)[at].load(Ordering::Relaxed);
        (0..self.used()).map(word).collect()
    }
}
