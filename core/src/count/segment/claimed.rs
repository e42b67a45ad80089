//! A block that a process has claimed, and its words at the claim. The difference is what this
//! process has counted.

use crate::count::block::Slot;
use crate::count::segment::blocks;
use crate::count::segment::mapping::Mapping;
use crate::sync::AtomicBool;

/// A block of this process.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) number: usize,
    /// Whether a thread has it. The flag is leaked, because a thread's claim can borrow from no
    /// owner.
    pub(super) taken: &'static AtomicBool,
    /// The words as they were before this process counted in them.
    before: Vec<(u64, f64)>,
}

impl Claimed {
    pub(super) fn new(number: usize, is_taken: bool) -> Claimed {
        let taken = Box::leak(Box::new(AtomicBool::new(is_taken)));
        Claimed { number, taken, before: Vec::new() }
    }

    /// Records the values of further words, up to `end`, before this process counts in them.
    pub(super) fn note(&mut self, mapping: &Mapping, end: usize) {
        let (block, room) = blocks::block(mapping, self.number);
        let known = self.before.len();
        self.before.resize(end.max(known), (0, 0.0));
        for (word, before) in (0..).map(Slot).zip(&mut self.before).take(room).skip(known) {
            block.read(word, before);
        }
    }
}

/// Returns what this process has counted in a word of its blocks.
pub(super) fn own_sum(mapping: &Mapping, all: &[Claimed], slot: Slot) -> (u64, f64) {
    let mut sum = (0_u64, 0.0);
    for claimed in all {
        let (block, room) = blocks::block(mapping, claimed.number);
        let mut now = (0, 0.0);
        if (slot.0 as usize) < room {
            block.read(slot, &mut now);
        }
        let before = claimed.before.get(slot.0 as usize).copied().unwrap_or_default();
        sum.0 = sum.0.saturating_add(now.0.saturating_sub(before.0));
        sum.1 += now.1 - before.1;
    }
    sum
}

/// Writes to `sums` what this process has observed in the cells from `first` of its blocks.
pub(super) fn own_cells(mapping: &Mapping, all: &[Claimed], first: usize, sums: &mut [(u64, f64)]) {
    sums.fill((0, 0.0));
    for claimed in all {
        let (block, room) = blocks::block(mapping, claimed.number);
        if (first + sums.len()) * 2 > room {
            continue;
        }
        block.read_cells(first, sums);
        // The values at the claim have two words for each cell.
        let before = claimed.before.get(first * 2..).unwrap_or_default();
        for (words, sum) in before.chunks_exact(2).zip(&mut *sums) {
            sum.0 = sum.0.saturating_sub(words[0].0);
            sum.1 -= f64::from_bits(words[1].0);
        }
    }
}
