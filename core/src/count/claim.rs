//! The blocks of this process, and the block that the calling thread has claimed.

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

/// The number of increments that a thread adds to the shared block before it requests memory from
/// the system again.
const PATIENCE: u32 = 1_000;

/// Hands the thread's block on when the thread ends.
struct Owner(Cell<Option<Claim<'static>>>);

impl Drop for Owner {
    fn drop(&mut self) {
        // The pointer is cleared first. Then dropping the field releases the claim.
        thread_block::set(None);
    }
}

thread_local! {
    /// Separate from the pointer that an increment reads, which has no destructor.
    static OWNER: Owner = const { Owner(Cell::new(None)) };
    /// The number of increments until this thread tries to claim a block again.
    static PAUSE: Cell<u32> = const { Cell::new(0) };
}

/// Sets all sums of this process to zero and frees the blocks of other threads. Only for a forked
/// child that has one thread.
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

/// Makes the thread leave its block, because the block belongs to another process. The owner is the
/// parent, if no fork handler ran in this child. Or it is a process that claimed the block after
/// this one had lost the lock.
pub(super) fn leave_block_of_others() {
    let Some(Choice::Segment(attached)) = choice::made() else { return };
    if attached.is_inherited() {
        thread_block::set(None);
        attached.restart_if_free();
    } else if thread_block::get().is_some_and(|block| attached.has_lost(block)) {
        thread_block::set(None);
    }
}

/// Returns the thread's block. Claims a block if the thread has none and one is available. The
/// process must have chosen where it counts.
pub(super) fn claim() -> Option<&'static Block> {
    if let Some(block) = thread_block::get() {
        return Some(block);
    }
    if let Some(left) = PAUSE.get().checked_sub(1) {
        PAUSE.set(left);
        return None;
    }
    // libc allocates to register the destructor. If the allocator itself counts, that increment
    // calls this function recursively, and must use the shared block.
    PAUSE.set(PATIENCE);
    let claimed = OWNER.try_with(|owner| {
        // The section is refused only while another thread forks.
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
        // The pause continues, because there is no memory, or the thread is past its teardown.
        Ok(Err(NoBlock::NoRoom)) | Err(_) => {}
    }
    thread_block::get()
}
