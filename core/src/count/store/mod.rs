//! The blocks of all threads: claimed, each written by one thread, handed on, summed.
//!
//! Counts in private memory live here. With a segment, they are in its file instead (`segment/`).
//!
//! ```text
//!             slot 0  slot 1  slot 2 ...
//! thread A  [   17  |    3  |    0  ...   one block: written by A alone, relaxed load + store
//! thread B  [    4  |    0  |    9  ...   one block: written by B alone
//! shared    [    1  |    0  |    0  ...   written by any thread, compare and swap
//!              |
//!              +-- read of slot 0 = 17 + 4 + 1
//! ```
//!
//! * A counter is a **slot**: the same word in every block.
//! * A thread **claims** a block at its first increment. No other thread writes to a claimed block,
//!   so an increment is a load, an add and a store. It needs no locked read-modify-write, which is
//!   nearly the whole cost of an atomic counter.
//! * Blocks are never freed. A thread that ends hands its block, counts included, to the next
//!   thread that needs one. So memory is bounded by the peak number of live threads.
//! * A thread without a block adds to the **shared** block by compare and swap. It has none if
//!   another thread is claiming one, if the system has no memory, or if the thread is past its
//!   teardown. So an increment never waits, never fails and never loses a count.
//! * A block has a fixed length. Slots beyond its end are counted in the shared block alone, which
//!   grows by **parts** that never move.
//! * A word never wraps around. An amount that it has no room for goes to the shared block, where
//!   a word that is full stays at `u64::MAX`. So does the sum.
//! * When a slot is **closed**, its words are zeroed in all blocks. It has no counter, so no thread
//!   writes there. The next counter in the slot starts at zero.
//! * A **span** is a number of neighbouring slots that one metric opens and closes together. The
//!   first of several slots is even, so that pairs of words are aligned. A closed span is opened
//!   again for a metric of the same length.
//! * A **run** of neighbouring slots returns the RAM of its words when none of them is open.
//! * **Fractions**, amounts that are not whole, have a second row of words in the block, each an
//!   f64. A reader always sums them in the order of the blocks. No word ever shrinks and rounding
//!   is monotone, so their sum never shrinks either.
//!
//! # Orderings
//!
//! Words are read and written relaxed. A word only ever grows, so a reader that sees
//! an old value sees a smaller count, never a wrong one. Coherence forbids that the same reader
//! sees it shrink. A read after joining a thread is exact because of the join. Three edges need
//! more:
//!
//! * The hand-over of a block. The old thread releases `taken`, and the new one acquires it.
//! * A new group, block or part. `OnceLock` publishes it.
//! * The reuse of a slot. The `claims` mutex orders closing and opening. The `Arc` in a counter
//!   orders the last owner after all others, so it zeroes what they wrote.
//!
//! `make loom` puts loom's atomics behind `sync` and tries the interleavings.

use crossbeam_utils::CachePadded;

use crate::count::block::{Block, Slot};
use crate::count::memory::Memory;
use crate::count::shared::Shared;
use crate::count::sizes::GROUP;
use crate::count::spans::{Span, Spans};
use crate::sync::cell;
use crate::sync::{AtomicBool, Mutex, MutexGuard, OnceLock, Ordering, PoisonError};

/// Places for blocks, and whether each is taken. The flags lie side by side, so that a search reads
/// few cache lines.
struct Group {
    taken: CachePadded<[AtomicBool; GROUP]>,
    blocks: [OnceLock<&'static Block>; GROUP],
    next: OnceLock<Box<Group>>,
}

impl Group {
    fn new() -> Group {
        Group {
            taken: CachePadded::new(std::array::from_fn(|_| AtomicBool::new(false))),
            blocks: std::array::from_fn(|_| OnceLock::new()),
            next: OnceLock::new(),
        }
    }
}

/// A thread's right to write to a block. Dropping it hands the block on.
pub(crate) struct Claim<'a> {
    pub(crate) block: &'static Block,
    pub(crate) taken: &'a AtomicBool,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Release: the next thread counts on from what this one has counted.
        self.taken.store(false, Ordering::Release);
    }
}

/// The reason why a thread cannot have a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoBlock {
    /// Another thread is claiming one, or opening a slot, at this moment.
    Busy,
    /// The system has no memory for one.
    NoRoom,
}

/// All blocks of a process.
pub(crate) struct Store {
    memory: &'static dyn Memory,
    groups: Group,
    /// Whether any block ever had fractions.
    has_fractions: AtomicBool,
    shared: Shared,
    claims: Mutex<Spans>,
}

impl Store {
    pub(crate) fn new(memory: &'static dyn Memory) -> Store {
        Store {
            memory,
            groups: Group::new(),
            has_fractions: AtomicBool::new(false),
            shared: Shared::new(),
            claims: Mutex::new(Spans::new()),
        }
    }

    fn claims(&self) -> MutexGuard<'_, Spans> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Claims a block for the calling thread. Never waits. Allocates a group if every place is
    /// taken.
    ///
    /// # Errors
    ///
    /// Returns [`NoBlock`] if there is none now. A later call may succeed.
    pub(crate) fn claim(&self) -> Result<Claim<'_>, NoBlock> {
        let _claims = self.claims.try_lock().map_err(|_| NoBlock::Busy)?;
        let mut group = &self.groups;
        let mut number = 0;
        loop {
            for (place, taken) in group.blocks.iter().zip(group.taken.iter()) {
                // Acquire: the words as the thread that handed this block on left them.
                if !taken.load(Ordering::Acquire) {
                    let block = self.block(place, number)?;
                    taken.store(true, Ordering::Relaxed);
                    return Ok(Claim { block, taken });
                }
                number += 1;
            }
            group = group.next.get_or_init(|| Box::new(Group::new()));
        }
    }

    /// Returns the block in this place. Asks the memory for it if the place is empty. The caller
    /// holds the claims.
    fn block(
        &self,
        place: &OnceLock<&'static Block>,
        number: usize,
    ) -> Result<&'static Block, NoBlock> {
        if let Some(block) = place.get() {
            return Ok(block);
        }
        let block = self.memory.block(number).ok_or(NoBlock::NoRoom)?;
        Ok(place.get_or_init(|| block))
    }

    /// Opens a slot that no counter uses. Its sum is zero. Returns `None` if all 2^26 are open.
    pub(crate) fn open(&self) -> Option<Slot> {
        Some(self.open_span(1)?.first)
    }

    /// Opens a span of at least one slot. All its words are zero. Returns
    /// `None` if fewer of the 2^26 slots are left.
    pub(crate) fn open_span(&self, len: u32) -> Option<Span> {
        let mut claims = self.claims();
        let span = match claims.reopen(len) {
            Some(closed) => closed,
            None => self.open_new(&mut claims, len)?,
        };
        span.slots().for_each(|slot| claims.note_opened(slot));
        Some(span)
    }

    /// Opens slots that were never open.
    fn open_new(&self, claims: &mut Spans, len: u32) -> Option<Span> {
        let skipped = if len == 1 { 0 } else { claims.opened % 2 };
        let span = Span { first: Slot(claims.opened + skipped), len };
        if !span.slots().all(|slot| self.shared.provide(slot)) {
            return None;
        }
        if skipped == 1 {
            claims.add_closed(Span { first: Slot(claims.opened), len: 1 });
        }
        claims.opened = span.first.0 + len;
        Some(span)
    }

    /// Closes a slot. No thread may add to it any more.
    pub(crate) fn close(&self, slot: Slot) {
        self.close_span(Span { first: slot, len: 1 });
    }

    /// Closes a span. No thread may add to its slots any more.
    pub(crate) fn close_span(&self, span: Span) {
        let mut claims = self.claims();
        span.slots().for_each(|slot| self.shared.reset(slot));
        self.each_block(|block, _| span.slots().for_each(|slot| block.reset(slot)));
        claims.add_closed(span);
        for unused in span.slots().filter_map(|slot| claims.note_closed(slot)) {
            self.each_block(|block, _| {
                block.rows(unused.clone()).for_each(|words| self.memory.release(words));
            });
        }
    }

    /// Calls `visit` with every block that was ever claimed, and with its flag. The order is always
    /// the same.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a fifth off the encoding of 10,000 series")]
    fn each_block(&self, mut visit: impl FnMut(&Block, &AtomicBool)) {
        let mut next = Some(&self.groups);
        while let Some(group) = next {
            for (place, taken) in group.blocks.iter().zip(group.taken.iter()) {
                // Places are filled in their order, so the rest is empty. A reader that does not
                // see a block yet has not seen any count in it or in a later one either.
                let Some(block) = place.get() else { return };
                visit(block, taken);
            }
            next = group.next.get().map(|next| &**next);
        }
    }

    /// Returns what was added to the slot since it was opened: whole amounts, up to
    /// `u64::MAX`, and others.
    #[inline]
    pub(crate) fn sum(&self, slot: Slot) -> (u64, f64) {
        let (shared, mut fractions) = self.shared.read(slot);
        // No sum of words is too large for a u128, so no addition waits for a comparison.
        let mut whole = u128::from(shared);
        self.each_block(|block, _| whole += u128::from(block.whole(slot)));
        if self.has_fractions() {
            self.each_block(|block, _| fractions += block.fraction(slot));
        }
        (u64::try_from(whole).unwrap_or(u64::MAX), fractions)
    }

    /// Does [`Store::sum`] for many slots, block after block.
    pub(crate) fn sums(&self, slots: &[Slot], sums: &mut [(u64, f64)]) {
        self.shared.read_many(slots, sums);
        self.each_block(|block, _| block.read_whole(slots, sums));
        if self.has_fractions() {
            self.each_block(|block, _| block.read_fractions(slots, sums));
        }
    }

    /// Returns whether any block ever had fractions. Every read of fractions must look here first.
    /// A reader that sees one in another way could miss the flag later: the sum would go down.
    fn has_fractions(&self) -> bool {
        // Relaxed: a reader that does not see the flag has not seen any fraction either.
        self.has_fractions.load(Ordering::Relaxed)
    }

    /// Lets a claimed block take fractions.
    pub(crate) fn begin_fractions(&self, block: &Block) {
        self.has_fractions.store(true, Ordering::Relaxed);
        block.begin_fractions();
    }

    /// Takes what was added to a slot of the shared block, which is zero afterwards.
    pub(crate) fn take_shared(&self, slot: Slot) -> (u64, f64) {
        self.shared.take(slot)
    }

    /// Takes what was added to a cell of the shared block, which is zero afterwards.
    pub(crate) fn take_shared_cell(&self, at: usize) -> (u64, f64) {
        self.shared.take_cell(at)
    }

    /// Writes to `sums` what was observed in the cells from each of `firsts`, `len` of each.
    pub(crate) fn read_cells(&self, firsts: &[usize], len: usize, sums: &mut [(u64, f64)]) {
        for (first, sums) in firsts.iter().zip(sums.chunks_mut(len)) {
            self.shared.read_cells(*first, sums);
        }
        if cell::are_in_blocks() {
            self.each_block(|block, _| {
                for (first, sums) in firsts.iter().zip(sums.chunks_mut(len)) {
                    block.read_cells(*first, sums);
                }
            });
        }
    }

    /// Adds to a cell for a thread that has no block, or to a cell that is in no block.
    pub(crate) fn observe_shared(&self, at: usize, count: u64, sum: f64) {
        self.shared.observe(at, count, sum);
    }

    /// Adds a whole amount to the shared block. The thread has no block, the slot is beyond the end
    /// of the blocks, or the thread's word has no room for the amount.
    pub(crate) fn add_shared(&self, slot: Slot, amount: u64) {
        self.shared.add(slot, amount);
    }

    /// Adds a fraction under the same conditions as [`Store::add_shared`].
    pub(crate) fn add_shared_fraction(&self, slot: Slot, amount: f64) {
        self.shared.add_fraction(slot, amount);
    }

    /// Sets every slot to zero, and frees all blocks but `mine`. For a forked child: no other
    /// thread exists.
    pub(crate) fn restart(&self, mine: Option<&Block>) {
        let claims = self.claims();
        let slots = || (0..claims.opened).map(Slot);
        slots().for_each(|slot| self.shared.reset(slot));
        self.each_block(|block, taken| {
            slots().for_each(|slot| block.reset(slot));
            let kept = mine.is_some_and(|mine| std::ptr::eq(mine, block));
            taken.store(kept, Ordering::Relaxed);
        });
    }
}

#[cfg(test)]
mod tests;
