//! One block of words per thread: claimed, written by that thread alone, handed on, summed.
//!
//! This is where every count lives.
//!
//! ```text
//!             slot 0  slot 1  slot 2 ...
//! thread A  [   17  |    3  |    0  ...   one block: written by A alone, relaxed load + store
//! thread B  [    4  |    0  |    9  ...   one block: written by B alone
//! shared    [    1  |    0  |    0  ...   written by threads without a block, locked add
//!              |
//!              +-- read of slot 0 = 17 + 4 + 1
//! ```
//!
//! * A counter is a **slot**: the same word in every block.
//! * A thread **claims** a block at its first increment. Because nobody else writes to a claimed
//!   block, an increment is a load, an add and a store, without the locked read-modify-write that
//!   is nearly the whole cost of an atomic counter.
//! * Blocks are never freed. A thread that ends hands its block, counts included, to the next
//!   thread that needs one, so memory is bounded by the peak number of live threads.
//! * A thread that cannot have a block *now* (another thread is claiming one, or this thread is
//!   past its teardown) adds to the **shared** block with a locked add. So an increment never
//!   waits, never fails and never loses a count.
//! * Blocks grow by **segments**, which are added and never moved or freed.
//! * A slot that is **closed** has its words zeroed, in all blocks: no counter is in it, so no
//!   thread writes there. The next counter in the slot starts at zero.
//! * Amounts that are not **whole** go to a second row of words, f64s, which a block has from the
//!   first of them on. A reader sums them always in the order of the blocks: the words never shrink
//!   and rounding is monotone, so their sum never shrinks either.
//!
//! # Orderings
//!
//! Words are read and written relaxed: a word only ever grows (modulo 2^64), so a reader that sees
//! an old value sees a smaller count, never a wrong one, and coherence forbids that the same reader
//! sees it shrink. Exactness after joining a thread comes from the join. Three edges need more:
//! a block's hand-over (`taken`: release by the old thread, acquire by the new one), a new group of
//! blocks, segment or row (`OnceLock`), and a slot's reuse (the `claims` mutex, plus the `Arc`
//! through which the last owner saw all others go: it zeroes what they wrote, not the reverse).
//! `make loom` puts loom's atomics behind `sync` and tries them all out.

use crossbeam_utils::CachePadded;

use crate::count::block::Block;
use crate::count::sizes::GROUP;
use crate::count::words::Slot;
use crate::sync::{AtomicBool, AtomicUsize, Mutex, MutexGuard, OnceLock, Ordering, PoisonError};

/// Blocks, and which of them are taken: apart, so that a search reads few cache lines.
#[derive(Debug)]
struct Group {
    taken: CachePadded<[AtomicBool; GROUP]>,
    blocks: [Block; GROUP],
    next: OnceLock<Box<Group>>,
}

impl Group {
    fn new() -> Group {
        Group {
            taken: CachePadded::new(std::array::from_fn(|_| AtomicBool::new(false))),
            blocks: std::array::from_fn(|_| Block::new()),
            next: OnceLock::new(),
        }
    }
}

/// A thread's right to write to a block. Dropping it hands the block on.
#[derive(Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) block: &'a Block,
    taken: &'a AtomicBool,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Release: what this thread has counted, for the next one to count on from.
        self.taken.store(false, Ordering::Release);
    }
}

/// Which slots are in use. Holding it is also the right to claim a block and to make new memory.
#[derive(Debug)]
struct Claims {
    opened: usize,
    closed: Vec<Slot>,
    last_segment: u32,
}

/// All blocks of a process.
#[derive(Debug)]
pub(crate) struct Store {
    /// How many blocks have ever been claimed: a read looks no further.
    used: AtomicUsize,
    shared: Block,
    /// Whether anything was ever added to it.
    shares: AtomicBool,
    claims: Mutex<Claims>,
    groups: Group,
}

impl Store {
    pub(crate) fn new() -> Store {
        let shared = Block::new();
        shared.provide_fractions(0);
        Store {
            used: AtomicUsize::new(0),
            shared,
            shares: AtomicBool::new(false),
            claims: Mutex::new(Claims { opened: 0, closed: Vec::new(), last_segment: 0 }),
            groups: Group::new(),
        }
    }

    fn claims(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `visit` with every block that may have been written to, always in the same order.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a fifth off the encoding of 10,000 series")]
    fn each_written(&self, mut visit: impl FnMut(&Block)) {
        // Relaxed: who does not see that it is shared has not seen what was added to it either.
        if self.shares.load(Ordering::Relaxed) {
            visit(&self.shared);
        }
        self.each_block(|block, _| visit(block));
    }

    /// Calls `visit` with every block that was ever claimed, and whether it is taken.
    #[inline]
    fn each_block(&self, mut visit: impl FnMut(&Block, &AtomicBool)) {
        // Relaxed: who does not see a block yet has not seen what was counted in it either.
        let mut left = self.used.load(Ordering::Relaxed);
        let mut group = &self.groups;
        loop {
            let blocks = &group.blocks[..left.min(GROUP)];
            blocks.iter().zip(group.taken.iter()).for_each(|(block, taken)| visit(block, taken));
            match left.checked_sub(GROUP + 1) {
                None => return,
                Some(beyond) => left = beyond + 1,
            }
            let Some(next) = group.next.get() else { return };
            group = next;
        }
    }

    /// A block for the calling thread, or `None` if another thread is claiming one or opening a
    /// slot at this very moment. Never waits; allocates when every block made so far is taken.
    pub(crate) fn claim(&self) -> Option<Claim<'_>> {
        let claims = self.claims.try_lock().ok()?;
        let mut group = &self.groups;
        let mut number = 0;
        loop {
            for (block, taken) in group.blocks.iter().zip(group.taken.iter()) {
                number += 1;
                // Acquire: the words as the thread that handed this block on left them.
                if !taken.load(Ordering::Acquire) {
                    taken.store(true, Ordering::Relaxed);
                    block.provide(claims.last_segment);
                    self.used.fetch_max(number, Ordering::Relaxed);
                    return Some(Claim { block, taken });
                }
            }
            group = group.next.get_or_init(|| Box::new(Group::new()));
        }
    }

    /// Gives a claimed block the words for fractions, or `false` as [`Store::claim`].
    pub(crate) fn provide_fractions(&self, block: &Block) -> bool {
        let Ok(claims) = self.claims.try_lock() else { return false };
        block.provide_fractions(claims.last_segment);
        true
    }

    /// A slot that no counter uses. Its sum is zero. `None` if all 2^26 are open.
    pub(crate) fn open(&self) -> Option<Slot> {
        let mut claims = self.claims();
        if let Some(slot) = claims.closed.pop() {
            return Some(slot);
        }
        let slot = Slot::new(claims.opened)?;
        claims.opened += 1;
        if slot.segment > claims.last_segment {
            claims.last_segment = slot.segment;
            self.shared.provide(slot.segment);
            self.each_block(|block, _| block.provide(slot.segment));
        }
        Some(slot)
    }

    /// Takes the slot back. No thread may add to it any more.
    pub(crate) fn close(&self, slot: Slot) {
        let mut claims = self.claims();
        self.reset(slot);
        claims.closed.push(slot);
    }

    /// The slot counts from zero. No thread adds to it meanwhile.
    fn reset(&self, slot: Slot) {
        self.each_written(|block| block.reset(slot));
    }

    /// What was added to the slot since it was opened: whole amounts, modulo 2^64, and others.
    #[inline]
    pub(crate) fn sum(&self, slot: Slot) -> (u64, f64) {
        let mut sum = (0_u64, 0.0);
        self.each_written(|block| {
            sum.0 = sum.0.wrapping_add(block.whole().load(slot));
            if let Some(words) = block.fractions() {
                sum.1 += f64::from_bits(words.load(slot));
            }
        });
        sum
    }

    /// [`Store::sum`] of many slots, block after block: each block is gone through once.
    pub(crate) fn sums(&self, slots: &[Slot], sums: &mut [(u64, f64)]) {
        self.each_written(|block| {
            block.whole().each(slots, sums, |sum, word| sum.0 = sum.0.wrapping_add(word));
            if let Some(words) = block.fractions() {
                words.each(slots, sums, |sum, word| sum.1 += f64::from_bits(word));
            }
        });
    }

    /// Every slot starts at zero, and of the blocks only `mine` stays taken. For a forked child:
    /// no other thread exists.
    pub(crate) fn restart(&self, mine: Option<&Block>) {
        let claims = self.claims();
        (0..claims.opened).filter_map(Slot::new).for_each(|slot| self.reset(slot));
        self.each_block(|block, taken| {
            let kept = mine.is_some_and(|mine| std::ptr::eq(mine, block));
            taken.store(kept, Ordering::Relaxed);
        });
    }

    /// Adds for a thread that has no block.
    pub(crate) fn add_shared(&self, slot: Slot, amount: u64) {
        self.share();
        self.shared.add_shared(slot, amount);
    }

    /// The same for an amount that is not whole. Never carried over into the whole amounts: between
    /// the two steps of a carry a reader would see the sum go down.
    pub(crate) fn add_shared_fraction(&self, slot: Slot, amount: f64) {
        self.share();
        self.shared.add_shared_fraction(slot, amount);
    }

    fn share(&self) {
        if !self.shares.load(Ordering::Relaxed) {
            self.shares.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::sizes::SEGMENTS;
    use crate::count::words::start;

    #[test]
    fn every_slot_has_a_word_of_its_own() {
        let store = Store::new();
        let claim = store.claim().expect("nobody else claims");
        let slots: Vec<Slot> = (0..1_000).map(|_| store.open().expect("room")).collect();
        for (amount, slot) in (1..).zip(&slots) {
            assert!(claim.block.add(*slot, amount));
            store.add_shared(*slot, 1_000_000);
        }
        assert!(!claim.block.add_fraction(slots[70], 0.5));
        store.add_shared_fraction(slots[70], 0.5);
        assert!(store.provide_fractions(claim.block));
        assert!(claim.block.add_fraction(slots[70], 0.25));
        let mut sums = vec![(0, 0.0); slots.len()];
        store.sums(&slots, &mut sums);
        for ((amount, slot), sum) in (1..).zip(&slots).zip(sums) {
            assert_eq!(store.sum(*slot).0, amount + 1_000_000);
            assert_eq!(sum, (amount + 1_000_000, if amount == 71 { 0.75 } else { 0.0 }));
        }
        assert_eq!(Slot::new(start(SEGMENTS + 1) - 1).map(|slot| slot.segment), Some(20));
        assert_eq!(Slot::new(start(SEGMENTS + 1)), None);
    }

    #[test]
    fn a_slot_that_is_opened_again_is_zero_and_a_block_is_handed_on() {
        let store = Store::new();
        let slot = store.open().expect("room");
        let first = store.claim().expect("nobody else claims");
        let second = store.claim().expect("nobody else claims");
        assert!(first.block.add(slot, 1) && second.block.add(slot, 2));
        let block: *const Block = first.block;
        drop(first);
        let third = store.claim().expect("nobody else claims");
        assert!(std::ptr::eq(block, third.block));
        assert!(third.block.add(slot, 4));
        assert!(store.provide_fractions(third.block));
        assert!(third.block.add_fraction(slot, 0.1) && third.block.add_fraction(slot, 0.2));
        store.add_shared_fraction(slot, 1e300);
        assert_eq!(store.sum(slot), (7, 1e300));
        store.close(slot);
        assert_eq!(store.open(), Some(slot));
        assert_eq!(store.sum(slot), (0, 0.0));
    }

    #[test]
    fn a_restart_zeroes_every_slot_and_keeps_one_block() {
        let store = Store::new();
        let slots: Vec<Slot> = (0..100).map(|_| store.open().expect("room")).collect();
        let mine = store.claim().expect("nobody else claims");
        let other = store.claim().expect("nobody else claims");
        for slot in &slots {
            assert!(mine.block.add(*slot, 3) && other.block.add(*slot, 4));
            store.add_shared(*slot, 5);
            assert!(store.provide_fractions(other.block) && other.block.add_fraction(*slot, 0.5));
        }
        let of_other: *const Block = other.block;
        std::mem::forget(other);
        store.restart(Some(mine.block));
        assert!(slots.iter().all(|slot| store.sum(*slot) == (0, 0.0)));
        assert!(std::ptr::eq(of_other, store.claim().expect("nobody else claims").block));
        assert!(mine.block.add(slots[99], 6));
        assert_eq!(store.sum(slots[99]), (6, 0.0));
    }

    #[test]
    fn more_threads_than_a_group_has_blocks() {
        let store = Store::new();
        let slot = store.open().expect("room");
        let claims: Vec<_> = (0..100).map(|_| store.claim().expect("nobody else claims")).collect();
        assert!(claims.iter().all(|claim| claim.block.add(slot, 1)));
        assert_eq!(store.sum(slot), (100, 0.0));
    }
}
