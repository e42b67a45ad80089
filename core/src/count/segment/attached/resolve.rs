//! Finds the words of a series in a segment, or appends the series.

use crate::count::block::{Block, Slot};
use crate::count::created::just_before_now;
use crate::count::segment::attached::{Attached, Own};
use crate::count::segment::claimed::{self, Claimed};
use crate::count::segment::directory::NoWord;
use crate::count::segment::directory_lock::lock_directory;
use crate::count::segment::record::{Series, Wanted};
use crate::count::segment::{blocks, index};

/// The words of a series that were found or appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeriesWords {
    pub(crate) first: Slot,
    pub(crate) created: u64,
}

/// The locked state of a process, and the words that were found under the lock.
pub(crate) struct Resolved<'a> {
    attached: &'static Attached,
    own: &'a mut Own,
    pub(crate) words: SeriesWords,
}

impl Resolved<'_> {
    /// Returns what this process has counted in a word.
    pub(crate) fn own_sum(&self, slot: Slot) -> (u64, f64) {
        claimed::own_sum(&self.attached.mapping, &self.own.claimed, slot)
    }

    /// Returns what this process has observed in these cells.
    pub(crate) fn own_cells(&self, first: usize, len: usize) -> Box<[(u64, f64)]> {
        let mut sums = vec![(0, 0.0); len];
        claimed::own_cells(&self.attached.mapping, &self.own.claimed, first, &mut sums);
        sums.into()
    }

    /// Returns the block for threads that have none. The first call claims it.
    pub(crate) fn shared_block(&mut self) -> Option<&'static Block> {
        self.attached.claim_shared_block(self.own)
    }
}

impl Attached {
    /// Finds the words of a series, or appends the series. Reserves room for its words in all
    /// blocks of this process.
    ///
    /// # Errors
    ///
    /// [`NoWord`] if the series must be counted in private memory. If another thread or process
    /// holds a lock for long, the result is `Ok(None)`.
    pub(crate) fn resolve(
        &'static self,
        wanted: &Wanted,
        settle: impl FnOnce(&mut Resolved<'_>),
    ) -> Result<Option<SeriesWords>, NoWord> {
        let Some(mut own) = self.try_own() else { return Ok(None) };
        let own = &mut *own;
        let known = index::find(&self.mapping, wanted);
        let Some(series) =
            known.map_or_else(|| self.find_or_append(own, wanted), |s| Ok(Some(s)))?
        else {
            return Ok(None);
        };
        let words = SeriesWords { first: Slot(series.first), created: series.created };
        if !self.provide(own, (series.first + series.words) as usize)? {
            return Ok(None);
        }
        own.made[series.first as usize] = true;
        settle(&mut Resolved { attached: self, own, words });
        Ok(Some(words))
    }

    /// Finds a series that the index does not lead to, or appends it. Returns `None` if the
    /// directory cannot be locked.
    fn find_or_append(&self, own: &mut Own, wanted: &Wanted) -> Result<Option<Series>, NoWord> {
        if !own.directory.refresh(&self.mapping) {
            return Err(NoWord::Damaged);
        }
        let mut number = own.directory.find(wanted)?;
        if number.is_none() {
            let Some(file) = own.held.get(&self.path) else { return Ok(None) };
            let Ok(Some(_lock)) = lock_directory(file) else { return Ok(None) };
            own.directory.refresh(&self.mapping);
            number = own.directory.find(wanted)?;
            if number.is_none() {
                number =
                    Some(own.directory.append(&self.mapping, file, wanted, just_before_now())?);
            }
        }
        Ok(number.map(|number| own.directory.get(number).clone()))
    }

    /// Reserves room for words up to `end` in all blocks of this process, and records their values.
    /// Returns `false` if the file was lost.
    fn provide(&self, own: &mut Own, end: usize) -> Result<bool, NoWord> {
        if end <= own.words {
            return Ok(true);
        }
        let Own { held, claimed, words, made, .. } = own;
        let lacks = |claimed: &Claimed| blocks::block(&self.mapping, claimed.number).1 < end;
        if claimed.iter().any(lacks) {
            let Some(file) = held.get(&self.path) else { return Ok(false) };
            for claimed in &*claimed {
                blocks::reserve(&self.mapping, file, claimed.number, end)
                    .map_err(|_| NoWord::Full)?;
            }
        }
        for claimed in claimed {
            claimed.note(&self.mapping, end);
        }
        made.resize(end, false);
        *words = end;
        Ok(true)
    }

    /// Calls `settle` under the lock of this process, for words that were found before. Does
    /// nothing if another thread holds the lock for long.
    pub(crate) fn with_resolved(
        &'static self,
        first: Slot,
        settle: impl FnOnce(&mut Resolved<'_>),
    ) {
        if let Some(mut own) = self.try_own() {
            let words = SeriesWords { first, created: 0 };
            settle(&mut Resolved { attached: self, own: &mut own, words });
        }
    }
}
