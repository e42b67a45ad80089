//! The blocks of this process, and the one that the calling thread has claimed.

use std::cell::Cell;
use std::sync::LazyLock;

use crate::count::block::Block;
use crate::count::choice::{self, Choice};
use crate::count::memory::Anonymous;
use crate::count::store::{Claim, NoBlock, Store};
use crate::count::{created, resets, thread_block};
use crate::sync::gate::Section;

/// The blocks of this process.
pub(super) static STORE: LazyLock<Store> = LazyLock::new(|| Store::new(&Anonymous));

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

/// Sets all sums of this process to zero and frees the blocks of other threads. For a forked child,
/// before it has a second thread.
pub(crate) fn restart() {
    if let Some(Choice::Segment(attached)) = choice::made() {
        // The block is the parent's.
        thread_block::set(None);
        attached.restart_in_child();
    }
    STORE.restart(thread_block::get());
    resets::forget_all();
    created::restart();
}

/// Takes a block of another process from the thread. The parent has it, in a child in which no fork
/// handler ran. Or another process has claimed it, after this one has lost the lock.
pub(super) fn leave_block_of_others() {
    let Some(Choice::Segment(attached)) = choice::made() else { return };
    if attached.is_inherited() {
        thread_block::set(None);
        attached.restart_if_free();
    } else if thread_block::get().is_some_and(|block| attached.has_lost(block)) {
        thread_block::set(None);
    }
}

/// Returns the thread's block. Claims one if the thread has none and can have one. The process has
/// chosen where it counts.
pub(super) fn claim() -> Option<&'static Block> {
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
        let claim = match choice::made() {
            Some(Choice::Segment(attached)) => attached.claim().ok_or(NoBlock::Busy)?,
            _ => STORE.claim()?,
        };
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
