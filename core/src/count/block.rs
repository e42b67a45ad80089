//! A block: everything that one thread has counted, in one contiguous row of words.

use std::mem::offset_of;
use std::ops::Range;

use crate::count::sizes::WORDS;
use crate::sync::cell;
use crate::sync::{AtomicU64, Ordering};

/// The place of a counter in every block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(pub(crate) u32);

/// The limit up to which [`Block::add`] fills a word: half of its range. The other half is for
/// single increments, which do not check.
const ROOM: u64 = 1 << 63;

/// One word for each slot. Aligned for pairs of words.
#[repr(C, align(16))]
struct Words([AtomicU64; WORDS]);

impl Words {
    /// Returns the word of `slot`, or `None` if the slot is beyond the end.
    #[inline]
    fn get(&self, slot: Slot) -> Option<&AtomicU64> {
        self.0.get(slot.0 as usize)
    }

    /// Returns the words of these cells, except those beyond the end.
    #[inline]
    fn cells(&self, cells: Range<usize>) -> impl Iterator<Item = &cell::Words> {
        let words = self.0.get(cells.start * 2..WORDS.min(cells.end * 2)).unwrap_or_default();
        words.chunks_exact(2).filter_map(|words| words.first_chunk())
    }
}

/// The words of one thread.
///
/// A block of zero bytes is an empty block, and no word is a pointer. So a block can be in any
/// memory that starts as zeros, including memory that processes share. Pages without a slot in use
/// are never touched, and take no RAM. The alignment keeps blocks off each other's cache lines, and
/// off the pairs of lines that a prefetcher loads together.
#[repr(C, align(128))]
pub(crate) struct Block {
    /// Not 0 if fractions were ever added. Most threads never add any, and then readers skip that
    /// half. It is not a bool, because any bytes must be a valid block, even those that another
    /// process has damaged.
    has_fractions: AtomicU64,
    /// The whole amounts, each below [`ROOM`] and what was counted one by one.
    whole: Words,
    /// The other amounts: each word holds the bits of an f64.
    fractions: Words,
}

impl Block {
    /// Returns an empty block. It is on the stack, so this is only for tiny blocks.
    #[allow(dead_code, reason = "for the loom models and for miri, which has no mappings")]
    pub(crate) fn new() -> Block {
        let zeros = || Words(std::array::from_fn(|_| AtomicU64::new(0)));
        Block { has_fractions: AtomicU64::new(0), whole: zeros(), fractions: zeros() }
    }

    /// Adds 1. Only the thread that has claimed the block may call this. Returns `false`, and adds
    /// nothing, if the slot is beyond the end of the block.
    #[inline]
    pub(crate) fn increment(&self, slot: Slot) -> bool {
        let Some(word) = self.whole.get(slot) else { return false };
        // Does not wrap around before 2^63 calls, because no other call raises a word above ROOM.
        word.store(word.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        true
    }

    /// Adds a whole amount, under the same conditions. Also returns `false`, and adds nothing, if
    /// the word has no room for the amount. The caller then adds it to the shared block, which does
    /// not wrap around.
    #[inline]
    pub(crate) fn add(&self, slot: Slot, amount: u64) -> bool {
        let Some(word) = self.whole.get(slot) else { return false };
        let before = word.load(Ordering::Relaxed);
        if before >= ROOM || amount >= ROOM - before {
            return false;
        }
        word.store(before + amount, Ordering::Relaxed);
        true
    }

    /// Adds an amount that is not whole, under the same conditions as [`Block::add`]. Before
    /// [`Block::begin_fractions`], too, returns `false` and adds nothing.
    #[inline]
    pub(crate) fn add_fraction(&self, slot: Slot, amount: f64) -> bool {
        let Some(word) = self.fractions().and_then(|words| words.get(slot)) else { return false };
        let sum = f64::from_bits(word.load(Ordering::Relaxed)) + amount;
        word.store(sum.to_bits(), Ordering::Relaxed);
        true
    }

    /// Makes readers read the fractions too.
    pub(crate) fn begin_fractions(&self) {
        self.has_fractions.store(1, Ordering::Relaxed);
    }

    /// Adds a whole amount for any thread, up to `u64::MAX`. No thread may have claimed the block.
    pub(crate) fn add_shared(&self, slot: Slot, amount: u64) {
        if let Some(word) = self.whole.get(slot) {
            let add = |whole: u64| Some(whole.saturating_add(amount));
            // Always Ok, because `add` never declines.
            let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    /// Adds an amount that is not whole, under the same conditions.
    pub(crate) fn add_shared_fraction(&self, slot: Slot, amount: f64) {
        if let Some(word) = self.fractions.get(slot) {
            self.begin_fractions();
            let add = |bits| Some((f64::from_bits(bits) + amount).to_bits());
            // Always Ok, because `add` never declines.
            let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    /// Returns both words of a slot, for a metric whose words are not counts.
    pub(crate) fn pair(&self, slot: Slot) -> Option<[&AtomicU64; 2]> {
        Some([self.whole.get(slot)?, self.fractions.get(slot)?])
    }

    /// Returns the byte ranges of the first words of a block, one for each kind.
    pub(crate) const fn bytes(words: usize) -> [Range<usize>; 2] {
        let (whole, fractions) = (offset_of!(Block, whole), offset_of!(Block, fractions));
        [0..whole + words * 8, fractions..fractions + words * 8]
    }

    /// Adds to a cell, under the same conditions as [`Block::increment`].
    #[inline]
    pub(crate) fn observe(&self, at: usize, count: u64, sum: f64) -> bool {
        // Written so that the compiler makes one comparison, and knows that the index is even.
        if at >= WORDS / 2 {
            return false;
        }
        let Some(words) = self.whole.0[at * 2..].first_chunk() else { return false };
        cell::add(words, count, sum);
        true
    }

    /// Adds to a cell for any thread. No thread may have claimed the block.
    pub(crate) fn observe_shared(&self, at: usize, count: u64, sum: f64) {
        if let Some(words) = self.whole.cells(at..at + 1).next() {
            cell::add_shared(words, count, sum);
        }
    }

    /// Adds the values of the cells from `first` to `sums`.
    pub(crate) fn read_cells(&self, first: usize, sums: &mut [(u64, f64)]) {
        for (words, sum) in self.whole.cells(first..first + sums.len()).zip(sums) {
            let (count, amount) = cell::load(words);
            sum.0 = sum.0.saturating_add(count);
            sum.1 += amount;
        }
    }

    /// Returns the words for fractions, unless all of them are zero.
    #[inline]
    fn fractions(&self) -> Option<&Words> {
        // Relaxed, because a reader that does not see the flag has not seen any fraction either.
        (self.has_fractions.load(Ordering::Relaxed) != 0).then_some(&self.fractions)
    }

    /// Adds the value of `slot` to `sum`: the whole amount, and the fraction.
    pub(crate) fn read(&self, slot: Slot, sum: &mut (u64, f64)) {
        sum.0 = sum.0.saturating_add(self.whole(slot));
        sum.1 += self.fraction(slot);
    }

    /// Returns the whole amount of a slot.
    #[inline]
    pub(crate) fn whole(&self, slot: Slot) -> u64 {
        self.whole.get(slot).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// Returns the fraction of a slot.
    #[inline]
    pub(crate) fn fraction(&self, slot: Slot) -> f64 {
        let word = self.fractions().and_then(|words| words.get(slot));
        word.map_or(0.0, |word| f64::from_bits(word.load(Ordering::Relaxed)))
    }

    /// Adds the values of many slots to their `sums`, row by row.
    pub(crate) fn read_many(&self, slots: &[Slot], sums: &mut [(u64, f64)]) {
        self.read_whole(slots, sums);
        self.read_fractions(slots, sums);
    }

    /// Adds the whole amounts of many slots to their `sums`.
    #[inline]
    pub(crate) fn read_whole(&self, slots: &[Slot], sums: &mut [(u64, f64)]) {
        for (slot, sum) in slots.iter().zip(sums) {
            sum.0 = sum.0.saturating_add(self.whole(*slot));
        }
    }

    /// Adds the fractions of many slots to their `sums`.
    pub(crate) fn read_fractions(&self, slots: &[Slot], sums: &mut [(u64, f64)]) {
        let Some(fractions) = self.fractions() else { return };
        for (slot, sum) in slots.iter().zip(sums) {
            if let Some(word) = fractions.get(*slot) {
                sum.1 += f64::from_bits(word.load(Ordering::Relaxed));
            }
        }
    }

    /// Returns the words of these slots, a slice for each row that was ever written.
    pub(crate) fn rows(&self, slots: Range<usize>) -> impl Iterator<Item = &[AtomicU64]> {
        let words = slots.start..slots.end.min(WORDS);
        let rows = [Some(&self.whole), self.fractions()].into_iter().flatten();
        rows.filter_map(move |row| row.0.get(words.clone()))
    }

    /// Sets the slot to zero. No thread may add to it meanwhile.
    pub(crate) fn reset(&self, slot: Slot) {
        self.whole.get(slot).into_iter().for_each(clear);
        self.fractions().and_then(|words| words.get(slot)).into_iter().for_each(clear);
    }
}

/// Zeroes a word that is not zero. A zero word may be on a page without RAM, or on one that a
/// forked child shares with its parent. A write would allocate or copy the page.
pub(crate) fn clear(word: &AtomicU64) {
    if word.load(Ordering::Relaxed) != 0 {
        word.store(0, Ordering::Relaxed);
    }
}
