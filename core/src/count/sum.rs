//! A sum that every thread adds to on a word of its own: what is inside a counter.

use std::cell::Cell;
use std::sync::LazyLock;

use crate::count::block::{Block, Slot};
use crate::count::memory::Anonymous;
use crate::count::store::{Claim, NoBlock, Store};
use crate::count::thread_block;
use crate::sync::gate::Section;

/// The blocks of this process.
static STORE: LazyLock<Store> = LazyLock::new(|| Store::new(&Anonymous));

/// Increments that a thread adds to the shared block before it asks the system for memory again.
const PATIENCE: u32 = 1_000;

/// Hands the thread's block on when the thread ends.
struct Owner(Cell<Option<Claim<'static>>>);

impl Drop for Owner {
    fn drop(&mut self) {
        // First the pointer, then the field drops the claim.
        thread_block::set(None);
    }
}

thread_local! {
    /// Separate from the pointer that an increment reads, which has no destructor.
    static OWNER: Owner = const { Owner(Cell::new(None)) };
    /// Increments that this thread lets pass before it tries to claim a block again.
    static PAUSE: Cell<u32> = const { Cell::new(0) };
}

/// A sum over all threads: of whole amounts up to `u64::MAX`, and of fractions as an f64.
#[derive(Debug)]
pub(crate) struct Sum {
    slot: Slot,
}

/// Adds to a [`Sum`] and reads it. It is stored inline in a counter, so that `inc` dereferences no
/// pointer. It must not outlive its sum: the slot then belongs to another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Handle {
    slot: Slot,
}

impl Sum {
    /// Returns a sum of zero, or `None` if 2^26 of them are alive.
    pub(crate) fn new() -> Option<Sum> {
        // No fork happens while the store is half made.
        let _section = Section::enter();
        STORE.open().map(|slot| Sum { slot })
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle { slot: self.slot }
    }
}

impl Drop for Sum {
    fn drop(&mut self) {
        let _section = Section::enter();
        STORE.close(self.slot);
    }
}

impl Handle {
    /// Adds 1, as [`Handle::add`] does.
    #[inline]
    pub(crate) fn increment(self) {
        if !thread_block::get().is_some_and(|block| block.increment(self.slot)) {
            self.add_first(1);
        }
    }

    /// Adds `amount`. Wait-free with a block, and lock-free without. The call that claims the
    /// thread's block, normally its first, may ask the system for memory.
    #[inline]
    pub(crate) fn add(self, amount: u64) {
        if !thread_block::get().is_some_and(|block| block.add(self.slot, amount)) {
            self.add_first(amount);
        }
    }

    /// Adds an amount that is not whole, but finite and not negative. Wait-free with a block, and
    /// lock-free without.
    #[inline]
    pub(crate) fn add_fraction(self, amount: f64) {
        if !thread_block::get().is_some_and(|block| block.add_fraction(self.slot, amount)) {
            self.add_first_fraction(amount);
        }
    }

    /// Returns the sums over all threads: of the whole amounts, and of the fractions. Neither is
    /// ever smaller than in an earlier read of the same thread, or of one that it synchronised
    /// with. Both are exact once the writers are joined.
    #[inline]
    pub(crate) fn sum(self) -> (u64, f64) {
        STORE.sum(self.slot)
    }

    /// Adds for a thread without a block, or to a slot beyond the blocks' end, or more than a word
    /// has room for.
    #[cold]
    #[inline(never)]
    fn add_first(self, amount: u64) {
        if !claim().is_some_and(|block| block.add(self.slot, amount)) {
            STORE.add_shared(self.slot, amount);
        }
    }

    /// Does the same for an amount that is not whole.
    #[cold]
    #[inline(never)]
    fn add_first_fraction(self, amount: f64) {
        if !claim().is_some_and(|block| block.add_fraction(self.slot, amount)) {
            STORE.add_shared_fraction(self.slot, amount);
        }
    }
}

/// Calls `each` with the sums of many handles, in their order.
pub(crate) fn sums(mut handles: impl Iterator<Item = Handle>, mut each: impl FnMut(u64, f64)) {
    /// Read at once: enough to change blocks seldom, few enough for the stack.
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

/// Sets all sums to zero and frees the blocks of other threads. For a forked child, before it has a
/// second thread.
pub(crate) fn restart() {
    STORE.restart(thread_block::get());
}

/// Returns the thread's block. Claims one if the thread has none and can have one.
fn claim() -> Option<&'static Block> {
    if let Some(block) = thread_block::get() {
        return Some(block);
    }
    if let Some(left) = PAUSE.get().checked_sub(1) {
        PAUSE.set(left);
        return None;
    }
    // To register the destructor, libc allocates. If the allocator itself counts, that increment
    // comes here again, and must go on to the shared block.
    PAUSE.set(PATIENCE);
    let claimed = OWNER.try_with(|owner| {
        // No section: another thread forks.
        let _section = Section::try_enter().ok_or(NoBlock::Busy)?;
        let claim = STORE.claim()?;
        thread_block::set(Some(claim.block));
        owner.0.set(Some(claim));
        Ok(())
    });
    match claimed {
        Ok(Ok(()) | Err(NoBlock::Busy)) => PAUSE.set(0),
        // The pause goes on: there is no memory, or the thread is past its teardown.
        Ok(Err(NoBlock::NoRoom)) | Err(_) => {}
    }
    thread_block::get()
}
