//! Words, one for each counter: they grow and never move. And where a counter's word lies in them.

use crossbeam_utils::CachePadded;

use crate::count::sizes::{FIRST, SEGMENTS};
use crate::sync::{AtomicU64, OnceLock, Ordering};

/// Where a counter's word lies in all [`Words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    number: u32,
    pub(crate) segment: u32,
}

impl Slot {
    /// The slot with this number; `None` once every segment is full.
    pub(crate) fn new(number: usize) -> Option<Slot> {
        let segment = (number / FIRST + 1).ilog2();
        let number = u32::try_from(number).ok()?;
        (segment as usize <= SEGMENTS).then_some(Slot { number, segment })
    }
}

/// The number of a segment's first slot.
pub(crate) const fn start(segment: usize) -> usize {
    (FIRST << segment) - FIRST
}

/// One word for each counter. Padded, so that no two threads write to the same cache line or to two
/// lines that the prefetcher fetches as a pair.
#[derive(Debug)]
pub(crate) struct Words {
    first: CachePadded<[AtomicU64; FIRST]>,
    more: [OnceLock<Box<[AtomicU64]>>; SEGMENTS],
}

impl Words {
    pub(crate) fn new() -> Words {
        Words {
            first: CachePadded::new(std::array::from_fn(|_| AtomicU64::new(0))),
            more: std::array::from_fn(|_| OnceLock::new()),
        }
    }

    /// The word of `slot`, or `None` if these were not given that segment.
    #[inline]
    pub(crate) fn word(&self, slot: Slot) -> Option<&AtomicU64> {
        // One comparison checks the bounds and tells the first segment from the others.
        if let Some(word) = self.first.get(slot.number as usize) {
            return Some(word);
        }
        let segment = slot.segment as usize;
        let words = self.more.get(segment.wrapping_sub(1))?.get()?;
        words.get((slot.number as usize).wrapping_sub(start(segment)))
    }

    /// The words of a segment; none if these were not given it.
    fn segment(&self, segment: u32) -> &[AtomicU64] {
        match (segment as usize).checked_sub(1) {
            None => &*self.first,
            Some(at) => self.more.get(at).and_then(OnceLock::get).map_or(&[], |words| words),
        }
    }

    /// Calls `visit` with each of `sums` and the word of its slot: faster than one by one where
    /// neighbours share a segment.
    #[inline]
    pub(crate) fn each<T>(&self, slots: &[Slot], sums: &mut [T], visit: impl Fn(&mut T, u64)) {
        let (mut segment, mut from, mut words) = (0, 0, self.segment(0));
        for (slot, sum) in slots.iter().zip(sums) {
            if slot.segment != segment {
                segment = slot.segment;
                (from, words) = (start(segment as usize), self.segment(segment));
            }
            if let Some(word) = words.get((slot.number as usize).wrapping_sub(from)) {
                visit(sum, word.load(Ordering::Relaxed));
            }
        }
    }

    #[inline]
    pub(crate) fn load(&self, slot: Slot) -> u64 {
        self.word(slot).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// Zeroes the word, unless it is zero: what was never written stays memory that a forked child
    /// shares with its parent.
    pub(crate) fn reset(&self, slot: Slot) {
        if let Some(word) = self.word(slot).filter(|word| word.load(Ordering::Relaxed) != 0) {
            word.store(0, Ordering::Relaxed);
        }
    }

    /// Gives these every segment up to `last`. The caller holds the claims lock.
    pub(crate) fn provide(&self, last: u32) {
        for (segment, words) in (1..=last).zip(&self.more) {
            words.get_or_init(|| (0..FIRST << segment).map(|_| AtomicU64::new(0)).collect());
        }
    }
}
