//! One block of words per thread: claimed, written by that thread alone, handed on, summed.
//!
//! This is where every count lives.
//!
//! ```text
//!             slot 0  slot 1  slot 2 ...
//! thread A  [   17  |    3  |    0  ...   one block: written by A alone, relaxed load + store
//! thread B  [    4  |    0  |    9  ...   one block: written by B alone
//! shared    [    1  |    0  |    0  ...   written by threads without a block, locked add
//! base      [    0  |    2  |    0  ...   what earlier owners of a slot had counted
//!              |
//!              +-- read of slot 0 = 17 + 4 + 1 - 0
//! ```
//!
//! * A counter is a **slot**: the same word in every block.
//! * A thread **claims** a block at its first increment. Because nobody else writes to a claimed
//!   block, an increment is a load, an add and a store, without the locked read-modify-write that
//!   is nearly the whole cost of an atomic counter (0.3 ns against 5 ns on the x86-64 that the
//!   benches were designed on).
//! * Blocks are never freed. A thread that ends hands its block, counts included, to the next
//!   thread that needs one, so memory is bounded by the peak number of live threads.
//! * A thread that cannot have a block *now* (another thread is claiming one, or this thread is
//!   past its teardown) adds to the **shared** block with a locked add. So an increment never
//!   waits, never fails and never loses a count.
//! * A slot that is closed keeps its words; its sum so far goes into the **base** block, so that
//!   the next counter in the slot starts at zero although no thread's word was touched.
//!
//! # Orderings
//!
//! Words are read and written relaxed: a word only ever grows (modulo 2^64), so a reader that sees
//! an old value sees a smaller count, never a wrong one, and coherence forbids that the same reader
//! sees it shrink. Exactness after joining a thread comes from the join. Two edges need more:
//! a block's hand-over (`taken`: release by the old thread, acquire by the new one) and a slot's
//! reuse (the `claims` mutex, plus the `Arc` through which the last owner saw all others go).

use std::cell::Cell;
use std::sync::OnceLock;

use crossbeam_utils::CachePadded;

use crate::locks::Mutex;
use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Words that every block has from the start: 512 bytes, enough for a service's plain counters.
const FIRST: usize = 64;
/// Further segments of a block, each twice as long as the one before: room for 2^26 counters.
const SEGMENTS: usize = 20;
/// Blocks that are made at once. The first group is static, so 16 threads need no allocation.
const GROUP: usize = 16;

/// Where a counter's word lies in every block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    segment: u32,
    word: u32,
}

impl Slot {
    /// The slot with the given running number; `None` once every segment is full.
    fn new(index: usize) -> Option<Slot> {
        let segment = (index / FIRST + 1).ilog2();
        let word = index - FIRST * ((1 << segment) - 1);
        (segment as usize <= SEGMENTS).then(|| Slot {
            segment,
            // Less than FIRST << SEGMENTS, which fits.
            word: u32::try_from(word).unwrap_or(u32::MAX),
        })
    }
}

/// One thread's words. Padded, so that no two threads write to the same cache line or to two lines
/// that the prefetcher fetches as a pair.
#[derive(Debug)]
struct Block {
    taken: AtomicBool,
    more: [OnceLock<Box<[AtomicU64]>>; SEGMENTS],
    first: CachePadded<[AtomicU64; FIRST]>,
}

impl Block {
    const fn new() -> Block {
        Block {
            taken: AtomicBool::new(false),
            more: [const { OnceLock::new() }; SEGMENTS],
            first: CachePadded::new([const { AtomicU64::new(0) }; FIRST]),
        }
    }

    /// The word of `slot`, or `None` if this block was not given that segment.
    #[inline]
    fn word(&self, slot: Slot) -> Option<&AtomicU64> {
        match slot.segment as usize {
            0 => self.first.get(slot.word as usize),
            segment => self.more[(segment - 1) % SEGMENTS].get()?.get(slot.word as usize),
        }
    }

    /// Gives the block every segment up to `last`. The caller holds the claims lock.
    fn provide(&self, last: u32) {
        for (index, segment) in self.more.iter().enumerate().take(last as usize) {
            segment.get_or_init(|| (0..FIRST << (index + 1)).map(|_| AtomicU64::new(0)).collect());
        }
    }

    fn load(&self, slot: Slot) -> u64 {
        self.word(slot).map_or(0, |word| word.load(Ordering::Relaxed))
    }
}

#[derive(Debug)]
struct Group {
    blocks: [Block; GROUP],
    next: OnceLock<Box<Group>>,
}

impl Group {
    const fn new() -> Group {
        Group { blocks: [const { Block::new() }; GROUP], next: OnceLock::new() }
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
struct Store {
    /// How many blocks have ever been claimed: a read looks no further.
    used: AtomicUsize,
    shared: Block,
    base: Block,
    claims: Mutex<Claims>,
    groups: Group,
}

static STORE: Store = Store::new();

impl Store {
    const fn new() -> Store {
        Store {
            used: AtomicUsize::new(0),
            shared: Block::new(),
            base: Block::new(),
            claims: Mutex::new(Claims { opened: 0, closed: Vec::new(), last_segment: 0 }),
            groups: Group::new(),
        }
    }

    /// The blocks that were ever claimed.
    fn blocks(&self) -> impl Iterator<Item = &Block> {
        // Acquire pairs with `claim`: the groups that hold these blocks are visible too.
        let used = self.used.load(Ordering::Acquire);
        std::iter::successors(Some(&self.groups), |group| group.next.get().map(|next| &**next))
            .flat_map(|group| &group.blocks)
            .take(used)
    }

    /// A block for the calling thread, or `None` if another thread is claiming one or opening a
    /// slot at this very moment. Never waits; allocates when every block made so far is taken.
    fn claim(&'static self) -> Option<&'static Block> {
        let claims = self.claims.try_lock()?;
        let mut group = &self.groups;
        let mut number = 0;
        loop {
            for block in &group.blocks {
                number += 1;
                // Acquire: the words as the thread that handed this block on left them.
                if !block.taken.load(Ordering::Acquire) {
                    block.taken.store(true, Ordering::Relaxed);
                    block.provide(claims.last_segment);
                    self.used.fetch_max(number, Ordering::Release);
                    return Some(block);
                }
            }
            group = group.next.get_or_init(|| Box::new(Group::new()));
        }
    }

    /// A slot that no counter uses. Its sum is zero.
    fn open(&self) -> Option<Slot> {
        let mut claims = self.claims.lock();
        if let Some(slot) = claims.closed.pop() {
            return Some(slot);
        }
        let slot = Slot::new(claims.opened)?;
        claims.opened += 1;
        if slot.segment > claims.last_segment {
            claims.last_segment = slot.segment;
            for block in self.blocks().chain([&self.shared, &self.base]) {
                block.provide(slot.segment);
            }
        }
        Some(slot)
    }

    /// Takes the slot back. No thread may add to it any more.
    fn close(&self, slot: Slot) {
        let mut claims = self.claims.lock();
        if let Some(base) = self.base.word(slot) {
            base.store(self.total(slot), Ordering::Relaxed);
        }
        claims.closed.push(slot);
    }

    fn total(&self, slot: Slot) -> u64 {
        self.blocks().fold(self.shared.load(slot), |sum, block| sum.wrapping_add(block.load(slot)))
    }

    fn sum(&self, slot: Slot) -> u64 {
        self.total(slot).wrapping_sub(self.base.load(slot))
    }

    /// Every slot starts at zero, and of the blocks only `mine` stays taken. No other thread exists.
    fn restart(&self, mine: Option<&Block>) {
        let claims = self.claims.lock();
        for slot in (0..claims.opened).filter_map(Slot::new) {
            if let Some(base) = self.base.word(slot) {
                base.store(self.total(slot), Ordering::Relaxed);
            }
        }
        for block in self.blocks() {
            let kept = mine.is_some_and(|mine| std::ptr::eq(mine, block));
            block.taken.store(kept, Ordering::Relaxed);
        }
    }

    /// Adds for a thread that has no block.
    fn add_shared(&self, slot: Slot, amount: u64) {
        if let Some(word) = self.shared.word(slot) {
            word.fetch_add(amount, Ordering::Relaxed);
        }
    }
}

/// Hands the thread's block on when the thread ends.
struct Claim(Cell<Option<&'static Block>>);

impl Drop for Claim {
    fn drop(&mut self) {
        MINE.set(None);
        if let Some(block) = self.0.get() {
            block.taken.store(false, Ordering::Release);
        }
    }
}

thread_local! {
    // Two thread-locals: one without a destructor, so that the increment needs no check of its
    // state and works until the thread's very end, and one whose destructor hands the block on.
    static MINE: Cell<Option<&'static Block>> = const { Cell::new(None) };
    static CLAIM: Claim = const { Claim(Cell::new(None)) };
}

/// A number that every thread adds to on a word of its own.
#[derive(Debug)]
pub(crate) struct ShardedU64 {
    slot: Slot,
}

impl ShardedU64 {
    /// Zero. `None` if 2^26 of them are alive.
    pub(crate) fn new() -> Option<ShardedU64> {
        STORE.open().map(|slot| ShardedU64 { slot })
    }

    /// Adds `amount`, modulo 2^64. Wait-free; a thread's first call may allocate.
    #[inline]
    pub(crate) fn add(&self, amount: u64) {
        match MINE.get().and_then(|block| block.word(self.slot)) {
            Some(word) => {
                word.store(word.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
            }
            None => self.add_first(amount),
        }
    }

    /// The way of a thread that has no block yet, or none any more.
    #[cold]
    #[inline(never)]
    fn add_first(&self, amount: u64) {
        if MINE.get().is_none() {
            // An error means that the thread is past its teardown.
            let _past_teardown = CLAIM.try_with(|claim| {
                let block = STORE.claim();
                claim.0.set(block);
                MINE.set(block);
            });
            if MINE.get().is_some() {
                return self.add(amount);
            }
        }
        STORE.add_shared(self.slot, amount);
    }

    /// The sum over all threads. Never smaller than what the same reader, or one that it
    /// synchronised with, saw before; exact once the writers are joined.
    pub(crate) fn sum(&self) -> u64 {
        STORE.sum(self.slot)
    }
}

/// In a forked child, before it has a second thread: all numbers start at zero, and the blocks of
/// the threads that it did not inherit are free.
pub(crate) fn restart() {
    STORE.restart(MINE.get());
}

impl Drop for ShardedU64 {
    fn drop(&mut self) {
        STORE.close(self.slot);
    }
}
