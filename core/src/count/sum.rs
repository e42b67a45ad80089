//! A sum that each thread counts in its own word: the contents of a counter.

use crate::count::block::{Block, Slot};
use crate::count::choice::{self, Choice};
use crate::count::claim::{STORE, leave_block_of_others};
use crate::count::place::{APART_BIT, At, Place, Private, UNRESOLVED};
use crate::count::segment::attached::resolve::Resolved;
use crate::count::segment::record::Wanted;
use crate::count::spans::Span;
use crate::count::{resets, thread_block};
use crate::sync::gate::Section;
use crate::sync::{AtomicUsize, Ordering};

/// A sum over all threads: of whole amounts up to `u64::MAX`, and of fractions as an f64. In a
/// segment, also over all processes.
#[derive(Debug)]
pub(crate) struct Sum {
    pub(super) place: Place,
}

/// Adds to a [`Sum`]. It is stored inline in a counter, so that `inc` dereferences no pointer. It
/// must not outlive its sum, because the slot then belongs to another sum.
#[derive(Debug)]
pub(crate) struct Handle {
    /// As wide as the pointer next to it. A metric that was just looked up is moved word by word. A
    /// load that is wider than the preceding store would wait for that store.
    slot: AtomicUsize,
}

impl Sum {
    /// Returns a sum of zero, or `None` if 2^26 of them are alive.
    pub(crate) fn new() -> Option<Sum> {
        // No fork can happen while the store is partly initialised.
        let _section = Section::enter();
        STORE.open().map(|first| Sum { place: Place::new(Span { first, len: 1 }) })
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle::new(self.place.slot())
    }

    /// Returns what this process has counted: the whole amounts, and the fractions. Neither is ever
    /// smaller than in an earlier read of the same thread, or of one that it synchronised with.
    /// Both are exact once the writers are joined.
    #[cold]
    pub(crate) fn own(&self) -> (u64, f64) {
        let private = || private(self.place.private().first);
        match self.place.get() {
            Some(At::Segment(attached, word)) => {
                let now = attached.own_sum(word, private);
                let at_first = self.place.before(0);
                (now.0.saturating_sub(at_first.0), now.1 - at_first.1)
            }
            _ => private(),
        }
    }

    /// Returns the word in a segment. Adds the series there if it is missing.
    #[cold]
    pub(super) fn word(&self, handle: &Handle, wanted: &dyn Fn() -> Wanted) -> Option<Slot> {
        match self.resolve(handle, wanted) {
            Some(At::Segment(_, word)) => {
                self.place.settle_late(&Sums);
                Some(word)
            }
            _ => None,
        }
    }

    /// Sets the sum to zero, with a new start time. Returns false, and does nothing, if the counts
    /// are or may be in a segment, because other processes count there too.
    #[cold]
    pub(crate) fn reset(&self) -> bool {
        if !matches!(choice::make(), Some(Choice::Private)) {
            return false;
        }
        let slot = self.place.private().first;
        resets::reset(slot, || STORE.sum(slot));
        self.place.begin_again();
        true
    }

    /// Returns when the counts began, in milliseconds of Unix time.
    pub(crate) fn created(&self) -> u64 {
        self.place.created()
    }

    /// Adds in the rare cases: the thread has no block, the handle is not resolved, the slot is
    /// beyond the blocks, the word is full.
    #[cold]
    #[inline(never)]
    pub(crate) fn add_first(&self, handle: &Handle, amount: u64, wanted: &dyn Fn() -> Wanted) {
        self.place.add_first(
            self.resolve(handle, wanted),
            &Sums,
            |block, slot| block.add(slot, amount),
            |block, slot| block.add_shared(slot, amount),
            |slot| STORE.add_shared(slot, amount),
        );
    }

    /// Adds an amount that is not whole, in the same rare cases.
    #[cold]
    #[inline(never)]
    pub(crate) fn add_first_fraction(
        &self,
        handle: &Handle,
        amount: f64,
        wanted: &dyn Fn() -> Wanted,
    ) {
        let add = |block: &Block, slot| {
            STORE.begin_fractions(block);
            block.add_fraction(slot, amount)
        };
        self.place.add_first(
            self.resolve(handle, wanted),
            &Sums,
            add,
            |block, slot| block.add_shared_fraction(slot, amount),
            |slot| STORE.add_shared_fraction(slot, amount),
        );
    }

    fn resolve(&self, handle: &Handle, wanted: &dyn Fn() -> Wanted) -> Option<At> {
        leave_block_of_others();
        let at = self.place.get().or_else(|| self.place.resolve(&Sums, wanted));
        // Relaxed, because readers need only the slot. Its words were reserved before it was
        // stored.
        handle.set(self.place.slot());
        at
    }
}

impl Drop for Sum {
    fn drop(&mut self) {
        let _section = Section::enter();
        let slot = self.place.private().first;
        resets::forget(slot);
        STORE.close(slot);
    }
}

/// The slots of sums in private memory.
pub(super) struct Sums;

impl Private for Sums {
    fn is_empty(&self, span: Span) -> bool {
        span.slots().all(|slot| STORE.sum(slot) == (0, 0.0))
    }

    fn move_to(&self, span: Span, block: &Block, first: Slot) {
        for (slot, word) in span.slots().zip((first.0..).map(Slot)) {
            let (whole, fraction) = STORE.take_shared(slot);
            if whole > 0 {
                block.add_shared(word, whole);
            }
            if fraction != 0.0 {
                block.add_shared_fraction(word, fraction);
            }
        }
    }

    fn counted(&self, resolved: &Resolved<'_>, words: u32) -> Box<[(u64, f64)]> {
        let first = resolved.words.first.0;
        (first..first + words).map(|word| resolved.own_sum(Slot(word))).collect()
    }
}

impl Handle {
    /// Returns another handle of the same sum. If this one is not resolved, takes the slot from the
    /// sum for both. A thread's cache clones one handle repeatedly, and its first clone counts
    /// first.
    #[inline]
    pub(crate) fn clone_with<'a>(&self, sum: impl FnOnce() -> &'a Sum) -> Handle {
        if self.slot() == Slot(UNRESOLVED) {
            self.set(sum().place.slot());
        }
        Handle::new(self.slot().0)
    }

    #[inline]
    pub(super) fn new(slot: u32) -> Handle {
        Handle { slot: AtomicUsize::new(slot as usize) }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "only a u32 is stored")]
    fn slot(&self) -> Slot {
        Slot(self.slot.load(Ordering::Relaxed) as u32)
    }

    #[inline]
    pub(super) fn set(&self, slot: u32) {
        self.slot.store(slot as usize, Ordering::Relaxed);
    }

    /// Returns the slot, if it is resolved to one that is or could be in blocks.
    #[inline]
    pub(super) fn resolved(&self) -> Option<Slot> {
        let slot = self.slot();
        (slot.0 < APART_BIT).then_some(slot)
    }

    /// Adds 1, as [`Handle::add`] does.
    #[inline]
    #[must_use]
    pub(crate) fn increment(&self) -> bool {
        thread_block::get().is_some_and(|block| block.increment(self.slot()))
    }

    /// Adds `amount`. Wait-free. Returns `false`, and adds nothing, if [`Sum::add_first`] must add
    /// it.
    #[inline]
    #[must_use]
    pub(crate) fn add(&self, amount: u64) -> bool {
        thread_block::get().is_some_and(|block| block.add(self.slot(), amount))
    }

    /// Adds an amount that is not whole, but finite and not negative. Wait-free. Returns `false`,
    /// and adds nothing, if [`Sum::add_first_fraction`] must add it.
    #[inline]
    #[must_use]
    pub(crate) fn add_fraction(&self, amount: f64) -> bool {
        thread_block::get().is_some_and(|block| block.add_fraction(self.slot(), amount))
    }
}

/// Returns the sum of a slot in private memory.
#[inline]
pub(super) fn private(slot: Slot) -> (u64, f64) {
    let mut sum = [(0, 0.0)];
    resets::read(&[slot], &mut sum, |sum| sum[0] = STORE.sum(slot));
    sum[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_resolves_the_handle_that_it_copies() {
        let sum = Sum::new().expect("room");
        let cached = Handle::new(UNRESOLVED);
        // Another test may have already chosen where this process counts.
        assert_eq!(cached.clone_with(|| &sum).slot(), Slot(sum.place.slot()));
        let cached = Handle::new(UNRESOLVED);
        sum.add_first(&sum.handle(), 3, &|| unreachable!("there is no segment"));
        let first = Some(sum.place.private().first);
        assert_eq!((cached.clone_with(|| &sum).resolved(), cached.resolved()), (first, first));
    }
}
