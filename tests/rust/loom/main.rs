//! The block protocol under the reorderings that C11 allows, and every interleaving with up to two
//! preemptions. Loom's atomics replace the real ones in `core/src/sync/mod.rs`. `make loom` runs
//! it.
//!
//! Blocks are tiny: they contain slot 0, and the other slots are beyond their end. So each model
//! reaches growth, hand-over and reuse in a few steps.

#[allow(dead_code, unused_imports, reason = "each model uses a part")]
#[allow(clippy::absurd_extreme_comparisons, reason = "a block of one word has no cell")]
#[path = "../../../core/src/count"]
mod count {
    pub(crate) mod block;
    pub(crate) mod shared;
    pub(crate) mod spans;
    pub(crate) mod store;

    pub(crate) mod sizes {
        pub(crate) const WORDS: usize = 1;
        pub(crate) const FIRST: usize = 1;
        pub(crate) const PARTS: usize = 2;
        pub(crate) const RUN: usize = 1;
        pub(crate) const OPENED_BEFORE: u32 = 1;
        pub(crate) const GROUP: usize = 1;
    }

    /// Memory on the heap, because loom's atomics cannot be in a mapping.
    pub(crate) mod memory {
        use crate::count::block::Block;
        use crate::sync::AtomicU64;

        pub(crate) trait Memory: Sync {
            fn block(&self, number: usize) -> Option<&'static Block>;
            fn release(&self, _words: &[AtomicU64]) {}
        }

        pub(crate) struct Anonymous;

        impl Memory for Anonymous {
            fn block(&self, _number: usize) -> Option<&'static Block> {
                Some(Box::leak(Box::new(Block::new())))
            }
        }

        /// Has room for one block. `std`'s flag is not part of a model, because the claims lock
        /// guards it.
        #[derive(Default)]
        pub(crate) struct One(std::sync::atomic::AtomicBool);

        impl Memory for One {
            fn block(&self, number: usize) -> Option<&'static Block> {
                let full = self.0.swap(true, std::sync::atomic::Ordering::Relaxed);
                if full { None } else { Anonymous.block(number) }
            }
        }
    }
}

/// The door to atomics: what core's file of this name offers, from loom.
mod sync {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;

    /// Cells. Loom has no 16-byte atomics, so the first word holds both: a count, and an f32.
    #[allow(clippy::cast_possible_truncation, reason = "the models hold small numbers")]
    pub(crate) mod cell {
        use super::{AtomicU64, Ordering};

        pub(crate) type Words = [AtomicU64; 2];

        fn to_bits((count, sum): (u64, f64)) -> u64 {
            count << 32 | u64::from((sum as f32).to_bits())
        }

        fn from_bits(bits: u64) -> (u64, f64) {
            (bits >> 32, f64::from(f32::from_bits(bits as u32)))
        }

        pub(crate) fn add(words: &Words, count: u64, sum: f64) {
            let before = load(words);
            words[0].store(to_bits((before.0 + count, before.1 + sum)), Ordering::Relaxed);
        }

        pub(crate) fn load(words: &Words) -> (u64, f64) {
            from_bits(words[0].load(Ordering::Relaxed))
        }

        pub(crate) fn add_shared(words: &Words, count: u64, sum: f64) {
            let add = |bits| {
                let before = from_bits(bits);
                Some(to_bits((before.0 + count, before.1 + sum)))
            };
            let _ = words[0].fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }

        pub(crate) fn take_shared(words: &Words) -> (u64, f64) {
            from_bits(words[0].swap(0, Ordering::Relaxed))
        }

        pub(crate) fn load_shared(words: &Words) -> (u64, f64) {
            load(words)
        }

        pub(crate) fn lie_in_blocks() -> bool {
            true
        }
    }

    /// A `OnceLock` that loom sees: an initialisation releases, and a look that finds a value
    /// acquires.
    #[derive(Debug)]
    pub(crate) struct OnceLock<T> {
        ready: AtomicBool,
        making: Mutex<()>,
        value: std::sync::OnceLock<T>,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> OnceLock<T> {
            let value = std::sync::OnceLock::new();
            OnceLock { ready: AtomicBool::new(false), making: Mutex::new(()), value }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.ready.load(Ordering::Acquire) { self.value.get() } else { None }
        }

        pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
            let _making = self.making.lock();
            let value = self.value.get_or_init(make);
            self.ready.store(true, Ordering::Release);
            value
        }
    }
}

/// How often a model preempts its threads. Without a bound, the models with three threads take
/// hours.
const PREEMPTIONS: usize = 2;

use count::block::Slot;
use count::memory::{Anonymous, One};
use count::store::{Claim, Store};
use loom::sync::Arc;
use loom::thread;

/// An amount that no word of a block has room for.
const LARGE: u64 = 1 << 63;

/// Adds as a counter does, in a thread that has this claim or none.
fn add(store: &Store, claim: Option<&Claim<'_>>, slot: Slot, amount: u64) {
    let added = claim.is_some_and(|claim| match amount {
        1 => claim.block.increment(slot),
        _ => claim.block.add(slot, amount),
    });
    let room = slot == Slot(0) && amount < LARGE;
    assert_eq!(added, claim.is_some() && room, "slot 0 alone lies in the blocks");
    if !added {
        store.add_shared(slot, amount);
    }
}

/// Claims a block if it can, adds, and hands the block on, as a thread does in its life.
fn short_thread(store: &Store, slot: Slot, amounts: &[u64]) {
    let claim = store.claim().ok();
    for amount in amounts {
        add(store, claim.as_ref(), slot, *amount);
    }
}

fn spawn(store: &Arc<Store>, slot: Slot, amounts: &'static [u64]) -> thread::JoinHandle<()> {
    let store = Arc::clone(store);
    thread::spawn(move || short_thread(&store, slot, amounts))
}

/// Reads while the writers add: the sum never goes down. It is exact after they end.
fn read(store: &Store, slot: Slot, writers: Vec<thread::JoinHandle<()>>, all: u64) {
    let first = store.sum(slot).0;
    let second = store.sum(slot).0;
    assert!(first <= second && second <= all, "{first}, {second}, {all}");
    for writer in writers {
        writer.join().expect("a writer");
    }
    assert_eq!(store.sum(slot), (all, 0.0));
}

fn increment_and_read() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let writers = vec![spawn(&store, slot, &[1, 2])];
    read(&store, slot, writers, 3);
}

fn a_sum_that_is_full_stays_full() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let writers = vec![spawn(&store, slot, &[2, LARGE, 1]), spawn(&store, slot, &[LARGE])];
    read(&store, slot, writers, u64::MAX);
}

fn two_threads_that_claim_at_once() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let writers = vec![spawn(&store, slot, &[1]), spawn(&store, slot, &[2])];
    read(&store, slot, writers, 3);
}

fn threads_without_a_block() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let add = || {
        let store = Arc::clone(&store);
        thread::spawn(move || store.add_shared(slot, 1))
    };
    let writers = vec![add(), add()];
    read(&store, slot, writers, 2);
}

fn memory_for_one_block_alone() {
    let store = Arc::new(Store::new(Box::leak(Box::new(One::default()))));
    let slot = store.open().expect("room");
    let writers = vec![spawn(&store, slot, &[1, 1]), spawn(&store, slot, &[2])];
    read(&store, slot, writers, 4);
}

fn a_block_is_handed_on_while_it_is_read() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let first = spawn(&store, slot, &[1]);
    let writers = {
        let store = Arc::clone(&store);
        // This thread does not wait for the first, so loom tries both cases: with the block of the
        // first, and with another one.
        vec![first, thread::spawn(move || (0..2).for_each(|_| short_thread(&store, slot, &[2])))]
    };
    read(&store, slot, writers, 5);
}

fn a_part_is_added_while_others_count_and_read() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let writer = spawn(&store, slot, &[1, 1]);
    let opener = {
        let store = Arc::clone(&store);
        thread::spawn(move || {
            // The first part of the shared block holds one slot in these models.
            let late = store.open().expect("room");
            short_thread(&store, late, &[7]);
            assert_eq!(store.sum(late).0, 7);
        })
    };
    read(&store, slot, vec![writer, opener], 2);
}

fn a_counter_that_is_handed_over_finds_its_part() {
    let store = Arc::new(Store::new(&Anonymous));
    let _first = store.open().expect("room");
    let (give, take) = loom::sync::mpsc::channel::<Slot>();
    let writer = {
        let store = Arc::clone(&store);
        thread::spawn(move || {
            let claim = store.claim().ok();
            // The other thread opens it after or before this one has claimed its block.
            let late = take.recv().expect("a slot");
            add(&store, claim.as_ref(), late, 7);
        })
    };
    let late = store.open().expect("room");
    give.send(late).expect("the writer");
    read(&store, late, vec![writer], 7);
}

fn a_slot_is_reused_and_starts_at_zero() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    // An `Arc` orders the last owner of a counter after all others.
    let shared = Arc::new(());
    let owners: Vec<_> = (0..2)
        .map(|_| {
            let (store, shared) = (Arc::clone(&store), Arc::clone(&shared));
            thread::spawn(move || {
                short_thread(&store, slot, &[3]);
                if Arc::strong_count(&shared) == 0 {
                    unreachable!("it holds one");
                }
                drop(shared);
            })
        })
        .collect();
    for owner in owners {
        owner.join().expect("an owner");
    }
    store.close(slot);
    assert_eq!(store.open(), Some(slot));
    assert_eq!(store.sum(slot), (0, 0.0));
    short_thread(&store, slot, &[5]);
    assert_eq!(store.sum(slot).0, 5);
}

/// Adds a fraction as a thread does that has no block yet.
fn add_fraction(store: &Store, slot: Slot, amount: f64) {
    match store.claim() {
        Ok(claim) => {
            store.begin_fractions(claim.block);
            assert!(claim.block.add_fraction(slot, amount));
        }
        Err(_) => store.add_shared_fraction(slot, amount),
    }
}

fn fractions_are_added_while_they_are_read() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let add = |amount| {
        let store = Arc::clone(&store);
        thread::spawn(move || add_fraction(&store, slot, amount))
    };
    let writers = [add(0.5), add(0.25)];
    let first = store.sum(slot).1;
    let second = store.sum(slot).1;
    assert!(first <= second && second <= 0.75, "{first}, {second}");
    for writer in writers {
        writer.join().expect("a writer");
    }
    assert_eq!(store.sum(slot), (0, 0.75));
}

fn a_slot_changes_hands_and_starts_at_zero() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let (give, take) = loom::sync::mpsc::channel::<Slot>();
    let other = {
        let store = Arc::clone(&store);
        thread::spawn(move || {
            let claim = store.claim().ok();
            let add = |slot, amount| add(&store, claim.as_ref(), slot, amount);
            add(slot, 3);
            // The last owner of a counter closes its slot, also if others counted in it.
            store.close(slot);
            let again = take.recv().expect("a slot");
            add(again, 4);
        })
    };
    // Another counter is opened meanwhile, in that slot or in another.
    let opened = store.open().expect("room");
    short_thread(&store, opened, &[7]);
    give.send(opened).expect("the other");
    other.join().expect("the other");
    assert_eq!(store.sum(opened).0, 11);
}

/// Observes 0.5 that many times, like a thread with or without a block.
fn observe(store: &Store, cell: usize, times: usize) {
    let claim = store.claim().ok();
    for _ in 0..times {
        if !claim.as_ref().is_some_and(|claim| claim.block.observe(cell, 1, 0.5)) {
            store.observe_shared(cell, 1, 0.5);
        }
    }
}

/// Reads a cell, whose sum must fit its count.
fn read_cell(store: &Store, cell: usize) -> u64 {
    let mut sums = [(0, 0.0)];
    store.read_cells(&[cell], 1, &mut sums);
    let [(count, sum)] = sums;
    assert!((count as f64 * 0.5 - sum).abs() < 0.25, "torn: {count} observations, {sum}");
    count
}

fn open_cell(store: &Store) -> usize {
    store.open_span(2).expect("room").first.0 as usize / 2
}

fn a_cell_is_never_torn() {
    let store = Arc::new(Store::new(&Anonymous));
    let cell = open_cell(&store);
    let spawn = |times| {
        let store = Arc::clone(&store);
        thread::spawn(move || observe(&store, cell, times))
    };
    let writers = [spawn(2), spawn(1)];
    let first = read_cell(&store, cell);
    let second = read_cell(&store, cell);
    assert!(first <= second && second <= 3, "{first}, {second}");
    for writer in writers {
        writer.join().expect("a writer");
    }
    assert_eq!(read_cell(&store, cell), 3);
}

fn a_cell_is_reused_and_starts_at_zero() {
    let store = Arc::new(Store::new(&Anonymous));
    let span = store.open_span(2).expect("room");
    let cell = span.first.0 as usize / 2;
    let (give, take) = loom::sync::mpsc::channel::<()>();
    let owner = {
        let store = Arc::clone(&store);
        thread::spawn(move || {
            observe(&store, cell, 1);
            take.recv().expect("the other has observed");
            // The last owner of a histogram closes its span, also if others observed in it.
            store.close_span(span);
        })
    };
    observe(&store, cell, 1);
    give.send(()).expect("the owner");
    owner.join().expect("the owner");
    assert_eq!(store.open_span(2), Some(span));
    assert_eq!(read_cell(&store, cell), 0);
    observe(&store, cell, 1);
    assert_eq!(read_cell(&store, cell), 1);
}

/// Runs the models. The harness of `cargo test` would run the unit tests of `count` too.
#[expect(clippy::print_stdout, reason = "the result")]
fn main() {
    let models: [(&str, fn()); 13] = [
        ("increment and read", increment_and_read),
        ("a sum that is full stays full", a_sum_that_is_full_stays_full),
        ("two threads that claim at once", two_threads_that_claim_at_once),
        ("threads without a block", threads_without_a_block),
        ("memory for one block alone", memory_for_one_block_alone),
        ("a block is handed on while it is read", a_block_is_handed_on_while_it_is_read),
        (
            "a part is added while others count and read",
            a_part_is_added_while_others_count_and_read,
        ),
        (
            "a counter that is handed over finds its part",
            a_counter_that_is_handed_over_finds_its_part,
        ),
        ("a slot is reused and starts at zero", a_slot_is_reused_and_starts_at_zero),
        ("a slot changes hands and starts at zero", a_slot_changes_hands_and_starts_at_zero),
        ("fractions are added while they are read", fractions_are_added_while_they_are_read),
        ("a cell is never torn", a_cell_is_never_torn),
        ("a cell is reused and starts at zero", a_cell_is_reused_and_starts_at_zero),
    ];
    for (name, model) in models {
        let started = std::time::Instant::now();
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(PREEMPTIONS);
        builder.check(model);
        println!("loom: {name}: ok, {:.1?}", started.elapsed());
    }
}
