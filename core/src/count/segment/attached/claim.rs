//! Claims blocks of a segment for a process, for its threads, and for threads that have none.

use std::io;

use crate::count::block::{Block, Slot};
use crate::count::segment::attached::{Attached, NONE, Own};
use crate::count::segment::claimed::Claimed;
use crate::count::segment::layout::{self, lock};
use crate::count::segment::record::Merge;
use crate::count::segment::{blocks, index, system};
use crate::count::store::Claim;
use crate::sync::Ordering;

impl Attached {
    /// Returns the first block of this process. A forked child claims it here, if it has no count
    /// yet.
    pub(crate) fn process_block_or_claim(&'static self) -> Option<&'static Block> {
        self.process_block().or_else(|| {
            self.provide_process_block(&mut *self.try_own()?).ok()?;
            self.process_block()
        })
    }

    /// Returns the block for threads that have none. The first call claims it.
    pub(crate) fn shared_block(&'static self) -> Option<&'static Block> {
        let known = self.shared_block.load(Ordering::Acquire);
        if known != NONE {
            return Some(self.mapping.block(known));
        }
        self.claim_shared_block(&mut *self.try_own()?)
    }

    pub(super) fn claim_shared_block(&'static self, own: &mut Own) -> Option<&'static Block> {
        let mut number = self.shared_block.load(Ordering::Relaxed);
        if number == NONE {
            // Marked as taken, so no thread gets it.
            number = self.claim_new(own, true).ok()??;
            self.shared_block.store(number, Ordering::Release);
        }
        Some(self.mapping.block(number))
    }

    /// Claims the first block of this process, unless it has one. Returns `false` if there is none.
    pub(super) fn provide_process_block(&self, own: &mut Own) -> io::Result<bool> {
        if self.process_number().is_some() {
            return Ok(true);
        }
        let Some(number) = self.claim_new(own, false)? else { return Ok(false) };
        let (_, room) = blocks::block(&self.mapping, number);
        let gauges = index::gauges(&self.mapping).unwrap_or_else(|| {
            own.directory.refresh(&self.mapping);
            own.directory.series().map(|(_, series)| series.clone()).collect()
        });
        for series in gauges {
            let end = (series.first as usize).saturating_add(series.words as usize);
            if let (Merge::Gauge(how), true) = (series.merge, end <= room) {
                blocks::hand_on(&self.mapping, number, Slot(series.first), how);
            }
        }
        // From this point, other processes see the gauges of this process.
        let Some(file) = own.held.checked() else { return Ok(false) };
        system::try_lock(file, lock::GAUGES + number as u64)?;
        self.process_block.store(number, Ordering::Release);
        Ok(true)
    }

    /// Claims a block for a thread: a block of this process that no thread has, or a free one.
    pub(crate) fn claim(&'static self) -> Option<Claim<'static>> {
        // This is short. Meanwhile the thread counts in the shared block.
        let mut own = self.own.try_lock()?;
        // A forked child claims it at its first count.
        let _ = self.provide_process_block(&mut own);
        // Acquire, so that the thread sees the words as the previous thread left them.
        let free = own.claimed.iter().find(|claimed| !claimed.taken.load(Ordering::Acquire));
        let (number, taken) = if let Some(claimed) = free {
            (claimed.number, claimed.taken)
        } else {
            let number = self.claim_new(&mut own, false).ok()??;
            (number, own.claimed.last()?.taken)
        };
        taken.store(true, Ordering::Relaxed);
        Some(Claim { block: self.mapping.block(number), taken })
    }

    /// Claims the first free block of the segment, with room for the words in use.
    fn claim_new(&self, own: &mut Own, is_taken: bool) -> io::Result<Option<usize>> {
        let Own { held, claimed: all, lost, words, .. } = own;
        let (Some(file), words) = (held.get(&self.path), *words) else { return Ok(None) };
        for number in 0..layout::MAX_BLOCKS {
            // A lock through the same open file description does not prevent this.
            if all.iter().any(|claimed| claimed.number == number) || lost.contains(&number) {
                continue;
            }
            if blocks::try_claim(&self.mapping, file, number, words)? {
                let mut claimed = Claimed::new(number, is_taken);
                claimed.note(&self.mapping, words);
                all.push(claimed);
                return Ok(Some(number));
            }
        }
        Ok(None)
    }
}
