//! A number that every thread adds to on a word of its own: the process's blocks, and the thread's.

use std::cell::Cell;
use std::sync::LazyLock;

use crate::count::block::Block;
use crate::count::store::{Claim, Store};
use crate::count::thread_block;
use crate::count::words::Slot;
use crate::sync::locks::Section;

static STORE: LazyLock<Store> = LazyLock::new(Store::new);

/// Hands the thread's block on when the thread ends.
struct Owner(Cell<Option<Claim<'static>>>);

impl Drop for Owner {
    fn drop(&mut self) {
        thread_block::set(None);
        // And only then does the field drop the claim.
    }
}

thread_local! {
    // Apart from the block itself, which has no destructor.
    static OWNER: Owner = const { Owner(Cell::new(None)) };
}

/// A sum over all threads: of whole amounts modulo 2^64, and of others as an f64.
#[derive(Debug)]
pub(crate) struct Sharded {
    slot: Slot,
}

/// What adds to a [`Sharded`] and reads it, to be kept where the increment finds it without
/// following a pointer. It must not outlive its number: it would be that of the next in the slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle {
    slot: Slot,
}

impl Sharded {
    /// Zero. `None` if 2^26 of them are alive.
    pub(crate) fn new() -> Option<Sharded> {
        // No fork finds the store half made.
        let _section = Section::enter();
        STORE.open().map(|slot| Sharded { slot })
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle { slot: self.slot }
    }
}

/// Calls `each` with the sums of many numbers, of whole amounts and of others.
pub(crate) fn sums(mut handles: impl Iterator<Item = Handle>, mut each: impl FnMut(u64, f64)) {
    /// Read at once: many enough to go from block to block seldom, few enough for the stack.
    const MANY: usize = 256;
    let mut slots = Vec::with_capacity(MANY);
    loop {
        slots.clear();
        slots.extend(handles.by_ref().take(MANY).map(|handle| handle.slot));
        if slots.is_empty() {
            return;
        }
        let mut sums = [(0, 0.0); MANY];
        STORE.sums(&slots, &mut sums);
        sums[..slots.len()].iter().for_each(|(whole, fractions)| each(*whole, *fractions));
    }
}

/// In a forked child, before it has a second thread: all numbers start at zero, and the blocks of
/// the threads that it did not inherit are free.
pub(crate) fn restart() {
    STORE.restart(thread_block::get());
}

impl Drop for Sharded {
    fn drop(&mut self) {
        let _section = Section::enter();
        STORE.close(self.slot);
    }
}

impl Handle {
    /// Adds `amount`, modulo 2^64. Wait-free; the call that claims the thread's block, as a rule
    /// its first, may allocate.
    #[inline]
    pub(crate) fn add(self, amount: u64) {
        if !thread_block::get().is_some_and(|block| block.add(self.slot, amount)) {
            self.add_first(amount);
        }
    }

    /// Adds an amount that is not whole: finite, and not negative. Wait-free, but for threads that
    /// have no block, whose way is lock-free; the thread's first such amount may allocate.
    #[inline]
    pub(crate) fn add_fraction(self, amount: f64) {
        if !thread_block::get().is_some_and(|block| block.add_fraction(self.slot, amount)) {
            self.add_first_fraction(amount);
        }
    }

    /// The sums over all threads: of the whole amounts, and of the others. Neither is ever smaller
    /// than what the same reader, or one that it synchronised with, saw before; exact once the writers
    /// are joined.
    #[inline]
    pub(crate) fn sum(self) -> (u64, f64) {
        STORE.sum(self.slot)
    }

    /// The way of a thread that has no block yet, or none any more.
    #[cold]
    #[inline(never)]
    fn add_first(self, amount: u64) {
        if !claim().is_some_and(|block| block.add(self.slot, amount)) {
            STORE.add_shared(self.slot, amount);
        }
    }

    /// The way of a thread whose block has no words for fractions yet.
    #[cold]
    #[inline(never)]
    fn add_first_fraction(self, amount: f64) {
        let provide = |block: &&Block| {
            // No fork finds them half made.
            let section = Section::try_enter();
            section.is_some_and(|_section| STORE.provide_fractions(block))
        };
        let block = claim().filter(provide);
        if !block.is_some_and(|block| block.add_fraction(self.slot, amount)) {
            STORE.add_shared_fraction(self.slot, amount);
        }
    }
}

/// The thread's block, claimed now if it has none and can have one.
fn claim() -> Option<&'static Block> {
    if thread_block::get().is_none() {
        // An error means that the thread is past its teardown.
        let _past_teardown = OWNER.try_with(|owner| {
            let section = Section::try_enter();
            if let Some(claim) = section.as_ref().and_then(|_| STORE.claim()) {
                thread_block::set(Some(claim.block));
                owner.0.set(Some(claim));
            }
        });
    }
    thread_block::get()
}
