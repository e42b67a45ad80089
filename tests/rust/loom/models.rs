//! The models. Each is a small program, which loom runs in every interleaving.

use crate::count::block::Slot;
use crate::count::memory::{Anonymous, SingleBlock};
use crate::count::store::{Claim, Store};
use loom::sync::Arc;
use loom::thread;

/// An amount that is too large for a word of a block.
const LARGE: u64 = 1 << 63;

/// Adds to a slot as a counter does. If the thread has no block with the slot, adds to the shared
/// block.
fn add(store: &Store, claim: Option<&Claim<'_>>, slot: Slot, amount: u64) {
    let added = claim.is_some_and(|claim| match amount {
        1 => claim.block.increment(slot),
        _ => claim.block.add(slot, amount),
    });
    let fits = slot == Slot(0) && amount < LARGE;
    assert_eq!(added, claim.is_some() && fits, "a block contains slot 0 only");
    if !added {
        store.add_shared(slot, amount);
    }
}

/// Claims a block if possible, adds to it, and hands it on, as a thread does from start to end.
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

/// Reads while the writers add, and checks that the sum never decreases and is exact at the end.
fn read(store: &Store, slot: Slot, writers: Vec<thread::JoinHandle<()>>, all: u64) {
    let first = store.sum(slot).0;
    let second = store.sum(slot).0;
    assert!(first <= second && second <= all, "{first}, {second}, {all}");
    for writer in writers {
        writer.join().expect("a writer");
    }
    assert_eq!(store.sum(slot), (all, 0.0));
}

pub(crate) fn sums_never_decrease_and_are_exact_at_the_end() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let writers = vec![spawn(&store, slot, &[1, 2])];
    read(&store, slot, writers, 3);
}

pub(crate) fn a_sum_at_its_maximum_stays_there() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let writers = vec![spawn(&store, slot, &[2, LARGE, 1]), spawn(&store, slot, &[LARGE])];
    read(&store, slot, writers, u64::MAX);
}

pub(crate) fn two_threads_may_claim_at_once() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let writers = vec![spawn(&store, slot, &[1]), spawn(&store, slot, &[2])];
    read(&store, slot, writers, 3);
}

pub(crate) fn threads_without_a_block_lose_no_count() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let add = || {
        let store = Arc::clone(&store);
        thread::spawn(move || store.add_shared(slot, 1))
    };
    let writers = vec![add(), add()];
    read(&store, slot, writers, 2);
}

pub(crate) fn memory_for_one_block_is_enough() {
    let store = Arc::new(Store::new(Box::leak(Box::new(SingleBlock::default()))));
    let slot = store.open().expect("room");
    let writers = vec![spawn(&store, slot, &[1, 1]), spawn(&store, slot, &[2])];
    read(&store, slot, writers, 4);
}

pub(crate) fn a_block_is_handed_on_while_it_is_read() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let first = spawn(&store, slot, &[1]);
    let writers = {
        let store = Arc::clone(&store);
        // This thread does not wait for the first one. So loom tries both cases: it gets the block
        // of the first one, or another block.
        vec![first, thread::spawn(move || (0..2).for_each(|_| short_thread(&store, slot, &[2])))]
    };
    read(&store, slot, writers, 5);
}

pub(crate) fn a_part_is_added_while_other_threads_count() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let writer = spawn(&store, slot, &[1, 1]);
    let opener = {
        let store = Arc::clone(&store);
        thread::spawn(move || {
            // In these models, the first part of the shared block contains one slot.
            let late = store.open().expect("room");
            short_thread(&store, late, &[7]);
            assert_eq!(store.sum(late).0, 7);
        })
    };
    read(&store, slot, vec![writer, opener], 2);
}

pub(crate) fn a_counter_sent_to_another_thread_finds_its_part() {
    let store = Arc::new(Store::new(&Anonymous));
    let _first = store.open().expect("room");
    let (sender, receiver) = loom::sync::mpsc::channel::<Slot>();
    let writer = {
        let store = Arc::clone(&store);
        thread::spawn(move || {
            let claim = store.claim().ok();
            // The other thread opens the slot before or after this one claims its block.
            let late = receiver.recv().expect("a slot");
            add(&store, claim.as_ref(), late, 7);
        })
    };
    let late = store.open().expect("room");
    sender.send(late).expect("the writer");
    read(&store, late, vec![writer], 7);
}

pub(crate) fn a_slot_is_reused_and_starts_at_zero() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    // Dropping an `Arc` orders the last owner of a counter after all others.
    let shared = Arc::new(());
    let owners: Vec<_> = (0..2)
        .map(|_| {
            let (store, shared) = (Arc::clone(&store), Arc::clone(&shared));
            thread::spawn(move || {
                short_thread(&store, slot, &[3]);
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

/// Adds a fraction as a thread without a block does.
fn add_fraction(store: &Store, slot: Slot, amount: f64) {
    match store.claim() {
        Ok(claim) => {
            store.begin_fractions(claim.block);
            assert!(claim.block.add_fraction(slot, amount));
        }
        Err(_) => store.add_shared_fraction(slot, amount),
    }
}

pub(crate) fn fractions_are_added_while_they_are_read() {
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

pub(crate) fn a_slot_closed_by_another_thread_starts_at_zero() {
    let store = Arc::new(Store::new(&Anonymous));
    let slot = store.open().expect("room");
    let (sender, receiver) = loom::sync::mpsc::channel::<Slot>();
    let other = {
        let store = Arc::clone(&store);
        thread::spawn(move || {
            let claim = store.claim().ok();
            let add = |slot, amount| add(&store, claim.as_ref(), slot, amount);
            add(slot, 3);
            // The last owner of a counter closes its slot, even if only others counted in it.
            store.close(slot);
            let again = receiver.recv().expect("a slot");
            add(again, 4);
        })
    };
    // Meanwhile this thread opens another counter, in the same slot or in another one.
    let opened = store.open().expect("room");
    short_thread(&store, opened, &[7]);
    sender.send(opened).expect("the other thread");
    other.join().expect("the other thread");
    assert_eq!(store.sum(opened).0, 11);
}

/// Observes 0.5 this many times, in a block if the thread can claim one.
fn observe(store: &Store, cell: usize, times: usize) {
    let claim = store.claim().ok();
    for _ in 0..times {
        if !claim.as_ref().is_some_and(|claim| claim.block.observe(cell, 1, 0.5)) {
            store.observe_shared(cell, 1, 0.5);
        }
    }
}

/// Reads a cell, and checks that its sum fits its count.
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

pub(crate) fn a_cell_is_never_torn() {
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

pub(crate) fn a_cell_is_reused_and_starts_at_zero() {
    let store = Arc::new(Store::new(&Anonymous));
    let span = store.open_span(2).expect("room");
    let cell = span.first.0 as usize / 2;
    let (sender, receiver) = loom::sync::mpsc::channel::<()>();
    let owner = {
        let store = Arc::clone(&store);
        thread::spawn(move || {
            observe(&store, cell, 1);
            receiver.recv().expect("the other thread has observed");
            // The last owner of a histogram closes its span, even if others observed in it.
            store.close_span(span);
        })
    };
    observe(&store, cell, 1);
    sender.send(()).expect("the owner");
    owner.join().expect("the owner");
    assert_eq!(store.open_span(2), Some(span));
    assert_eq!(read_cell(&store, cell), 0);
    observe(&store, cell, 1);
    assert_eq!(read_cell(&store, cell), 1);
}
