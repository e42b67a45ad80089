//! The shared block: any thread may add to it. It serves threads that have no block, and slots
//! beyond the end of the blocks.

use crate::count::block::{Slot, clear};
use crate::count::sizes::{FIRST, PARTS};
use crate::sync::cell;
use crate::sync::{AtomicBool, AtomicU64, OnceLock, Ordering};

/// The two words of one slot: the whole amount, and the bits of the fraction. The first slot of a
/// cell has the two words of the cell; the words of its second slot stay zero.
#[repr(align(16))]
struct Pair(cell::Words);

impl Pair {
    fn whole(&self) -> &AtomicU64 {
        &self.0[0]
    }

    fn fraction(&self) -> &AtomicU64 {
        &self.0[1]
    }
}

/// The shared block. It grows by parts, which never move. The first part has `FIRST` slots, and
/// each further part has as many as all earlier parts together.
pub(crate) struct Shared {
    /// Whether anything was ever added. In most programs nothing is, so readers skip the shared
    /// block.
    used: AtomicBool,
    parts: [OnceLock<Box<[Pair]>>; PARTS],
}

/// Returns the part of a slot, and the slot's index in that part.
fn place(slot: Slot) -> (usize, usize) {
    let number = slot.0 as usize;
    let part = (usize::BITS - (number / FIRST).leading_zeros()) as usize;
    (part, number - start(part))
}

/// Returns the first slot of a part.
fn start(part: usize) -> usize {
    part.checked_sub(1).map_or(0, |further| FIRST << further)
}

impl Shared {
    pub(crate) fn new() -> Shared {
        let parts = std::array::from_fn(|_| OnceLock::new());
        Shared { used: AtomicBool::new(false), parts }
    }

    /// Allocates the part of `slot`, unless it exists. Returns `false` if the slot is beyond the
    /// last part. Only one thread at a time may call this.
    pub(crate) fn provide(&self, slot: Slot) -> bool {
        let (part, _) = place(slot);
        let Some(pairs) = self.parts.get(part) else { return false };
        let empty = |_| Pair([AtomicU64::new(0), AtomicU64::new(0)]);
        pairs.get_or_init(|| (start(part)..start(part + 1)).map(empty).collect());
        true
    }

    fn pair(&self, slot: Slot) -> Option<&Pair> {
        let (part, at) = place(slot);
        self.parts.get(part)?.get()?.get(at)
    }

    /// Adds a whole amount, up to `u64::MAX`.
    pub(crate) fn add(&self, slot: Slot, amount: u64) {
        self.mark_used();
        if let Some(pair) = self.pair(slot) {
            let add = |whole: u64| Some(whole.saturating_add(amount));
            // Always Ok, because `add` never declines. `fetch_add` would not do, because a reader
            // could see the sum wrap around before a correction.
            let _ = pair.whole().fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    /// Adds an amount that is not whole. Fractions are never carried over into whole amounts:
    /// between the two steps of a carry, a reader would see the sum go down.
    pub(crate) fn add_fraction(&self, slot: Slot, amount: f64) {
        self.mark_used();
        if let Some(pair) = self.pair(slot) {
            let add = |bits| Some((f64::from_bits(bits) + amount).to_bits());
            // Always Ok, because `add` never declines.
            let _ = pair.fraction().fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    /// Adds to a cell.
    pub(crate) fn observe(&self, at: usize, count: u64, sum: f64) {
        self.mark_used();
        if let Some(Pair(words)) = self.cell(at) {
            cell::add_shared(words, count, sum);
        }
    }

    /// Takes the value of a cell, and leaves zeros. Others may add to it meanwhile.
    pub(crate) fn take_cell(&self, at: usize) -> (u64, f64) {
        self.cell(at).map_or((0, 0.0), |Pair(words)| cell::take_shared(words))
    }

    fn cell(&self, at: usize) -> Option<&Pair> {
        self.pair(Slot(u32::try_from(at * 2).ok()?))
    }

    /// Writes the values of the cells from `first` to `sums`.
    pub(crate) fn read_cells(&self, first: usize, sums: &mut [(u64, f64)]) {
        let used = self.used.load(Ordering::Relaxed);
        for (at, sum) in (first..).zip(sums) {
            let cell = if used { self.cell(at) } else { None };
            *sum = cell.map_or((0, 0.0), |Pair(words)| cell::load_shared(words));
        }
    }

    fn mark_used(&self) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Returns the value of `slot`: the whole amount, and the fraction.
    #[inline]
    pub(crate) fn read(&self, slot: Slot) -> (u64, f64) {
        // Relaxed, because a reader that does not see the flag has not seen any amount either.
        if self.used.load(Ordering::Relaxed) { self.read_used(slot) } else { (0, 0.0) }
    }

    /// Does [`Shared::read`] for many slots.
    #[inline]
    pub(crate) fn read_many(&self, slots: &[Slot], sums: &mut [(u64, f64)]) {
        if self.used.load(Ordering::Relaxed) {
            slots.iter().zip(sums).for_each(|(slot, sum)| *sum = self.read_used(*slot));
        } else {
            sums.fill((0, 0.0));
        }
    }

    #[cold]
    fn read_used(&self, slot: Slot) -> (u64, f64) {
        let Some(pair) = self.pair(slot) else { return (0, 0.0) };
        let fraction = f64::from_bits(pair.fraction().load(Ordering::Relaxed));
        (pair.whole().load(Ordering::Relaxed), fraction)
    }

    /// Takes the value of `slot`, and leaves zeros. Others may add to it meanwhile.
    pub(crate) fn take(&self, slot: Slot) -> (u64, f64) {
        let Some(pair) = self.pair(slot) else { return (0, 0.0) };
        let fraction = f64::from_bits(pair.fraction().swap(0, Ordering::Relaxed));
        (pair.whole().swap(0, Ordering::Relaxed), fraction)
    }

    /// Sets the slot to zero. No thread may add to it meanwhile.
    pub(crate) fn reset(&self, slot: Slot) {
        if let Some(pair) = self.pair(slot) {
            clear(pair.whole());
            clear(pair.fraction());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_hold_two_to_the_26_consecutive_slots() {
        let places = [0, 63, 64, 127, 128, 255, 256, (1 << 26) - 1].map(|at| place(Slot(at)));
        let last = (20, (1 << 25) - 1);
        assert_eq!(places, [(0, 0), (0, 63), (1, 0), (1, 63), (2, 0), (2, 127), (3, 0), last]);
        let shared = Shared::new();
        assert!(shared.provide(Slot(63)) && !shared.provide(Slot(1 << 26)));
        shared.add(Slot(63), 1);
        assert_eq!(shared.read(Slot(63)), (1, 0.0));
    }
}
