use super::*;
use crate::count::memory::Anonymous;
use crate::count::sizes::{OPENED_BEFORE, RUN, WORDS};
use crate::sync::{AtomicU64, AtomicUsize};

/// Memory for a limited number of blocks.
struct Limited(AtomicUsize);

impl Memory for Limited {
    fn block(&self, number: usize) -> Option<&'static Block> {
        let one_less = |left: usize| left.checked_sub(1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).ok()?;
        Anonymous.block(number)
    }
}

#[test]
fn every_slot_has_a_separate_word() {
    let store = Store::new(&Anonymous);
    let claim = store.claim().expect("nobody else claims");
    let slots: Vec<Slot> = (0..1_000).map(|_| store.open().expect("room")).collect();
    for (amount, slot) in (1..).zip(&slots) {
        assert!(claim.block.add(*slot, amount));
        store.add_shared(*slot, 1_000_000);
    }
    store.add_shared_fraction(slots[70], 0.5);
    assert!(!claim.block.add_fraction(slots[70], 0.25), "readers do not read this row yet");
    store.begin_fractions(claim.block);
    assert!(claim.block.add_fraction(slots[70], 0.25));
    let mut sums = vec![(0, 0.0); slots.len()];
    store.sums(&slots, &mut sums);
    for ((amount, slot), sum) in (1..).zip(&slots).zip(sums) {
        assert_eq!(store.sum(*slot).0, amount + 1_000_000);
        assert_eq!(sum, (amount + 1_000_000, if amount == 71 { 0.75 } else { 0.0 }));
    }
}

#[test]
fn slots_beyond_the_end_of_a_block_are_counted_in_the_shared_block() {
    let store = Store::new(&Anonymous);
    let claim = store.claim().expect("nobody else claims");
    let slots: Vec<Slot> = (0..WORDS + 200).map(|_| store.open().expect("room")).collect();
    let (last, beyond) = (slots[WORDS - 1], slots[WORDS]);
    store.begin_fractions(claim.block);
    assert!(claim.block.add(last, 1) && claim.block.add_fraction(last, 0.5));
    assert!(!claim.block.add(beyond, 1) && !claim.block.add_fraction(beyond, 0.5));
    assert_eq!([store.sum(last), store.sum(beyond)], [(1, 0.5), (0, 0.0)]);
    store.add_shared(beyond, 2);
    store.add_shared_fraction(beyond, 0.25);
    let mut sums = [(0, 0.0); 3];
    store.sums(&slots[WORDS - 1..=WORDS + 1], &mut sums);
    assert_eq!(sums, [(1, 0.5), (2, 0.25), (0, 0.0)]);
    store.close(beyond);
    assert_eq!(store.open(), Some(beyond));
    assert_eq!(store.sum(beyond), (0, 0.0));
}

/// Counts the words that it is asked to release, and checks that they are zero.
struct CountsReleases(AtomicUsize);

impl Memory for CountsReleases {
    fn block(&self, number: usize) -> Option<&'static Block> {
        Anonymous.block(number)
    }

    fn release(&self, words: &[AtomicU64]) {
        assert!(words.iter().all(|word| word.load(Ordering::Relaxed) == 0));
        self.0.fetch_add(words.len(), Ordering::Relaxed);
        Anonymous.release(words);
    }
}

#[test]
fn words_are_released_after_a_run_of_slots_is_closed() {
    let memory = Box::leak(Box::new(CountsReleases(AtomicUsize::new(0))));
    let store = Store::new(memory);
    let released = || memory.0.swap(0, Ordering::Relaxed);
    let (one, two) = (store.claim().expect("the first"), store.claim().expect("the second"));
    let open = |count| (0..count).map(|_| store.open().expect("room")).collect::<Vec<_>>();
    let slots = open(RUN + 1);
    store.begin_fractions(two.block);
    for slot in &slots {
        assert!(one.block.add(*slot, 1) && two.block.add_fraction(*slot, 0.5));
    }
    slots[1..].iter().for_each(|slot| store.close(*slot));
    assert_eq!((released(), store.sum(slots[0])), (0, (1, 0.5)));
    store.close(slots[0]);
    // The block with fractions has two rows, the other block one.
    assert_eq!(released(), 3 * RUN.min(WORDS));
    // Creating and dropping one counter repeatedly releases nothing.
    for _ in 1..OPENED_BEFORE {
        store.close(store.open().expect("room"));
    }
    assert_eq!(released(), 0);
    let again = open(RUN + 1);
    assert!(again.iter().eq(&slots), "the lowest slots are opened first");
    for slot in &again {
        assert_eq!(store.sum(*slot), (0, 0.0));
        assert!(one.block.add(*slot, 2));
        assert_eq!(store.sum(*slot), (2, 0.0));
    }
}

#[test]
fn a_span_begins_at_an_even_slot_and_is_reused_for_its_length() {
    let store = Store::new(&Anonymous);
    let claim = store.claim().expect("nobody else claims");
    let open = |len| store.open_span(len).expect("room");
    let single = store.open().expect("room");
    let span = open(6);
    assert_eq!((single, span.first), (Slot(0), Slot(2)));
    assert_eq!(store.open(), Some(Slot(1)), "the skipped slot is opened next");
    let longer = open(8);
    assert_eq!((longer.first, store.open()), (Slot(8), Some(Slot(16))));
    for slot in [single].into_iter().chain(span.slots()).chain(longer.slots()) {
        assert!(claim.block.add(slot, 7));
        store.add_shared(slot, 1);
    }
    store.close_span(span);
    assert_eq!(store.open(), Some(Slot(17)), "a single slot is not opened in a closed span");
    assert_eq!((open(4).first, open(6)), (Slot(18), span));
    assert!(span.slots().all(|slot| store.sum(slot) == (0, 0.0)));
    assert!(longer.slots().all(|slot| store.sum(slot) == (8, 0.0)));
    assert_eq!(store.sum(single), (8, 0.0));
}

#[test]
fn a_thread_without_memory_for_a_block_claims_one_that_is_handed_on() {
    let memory = Box::leak(Box::new(Limited(AtomicUsize::new(1))));
    let store = Store::new(memory);
    let slot = store.open().expect("room");
    let first = store.claim().expect("room for one");
    assert!(first.block.add(slot, 1));
    assert_eq!(store.claim().err(), Some(NoBlock::NoRoom));
    store.add_shared(slot, 2);
    drop(first);
    let second = store.claim().expect("the block is handed on");
    assert!(second.block.add(slot, 4));
    assert_eq!(store.claim().err(), Some(NoBlock::NoRoom));
    memory.0.store(1, Ordering::Relaxed);
    let third = store.claim().expect("room again");
    assert!(third.block.add(slot, 8));
    assert_eq!(store.sum(slot), (15, 0.0));
}

#[test]
fn a_reopened_slot_is_zero_and_a_block_is_handed_on() {
    let store = Store::new(&Anonymous);
    let slot = store.open().expect("room");
    let first = store.claim().expect("nobody else claims");
    let second = store.claim().expect("nobody else claims");
    assert!(first.block.add(slot, 1) && second.block.add(slot, 2));
    let block: *const Block = first.block;
    drop(first);
    let third = store.claim().expect("nobody else claims");
    assert!(std::ptr::eq(block, third.block));
    assert!(third.block.add(slot, 4));
    store.begin_fractions(third.block);
    assert!(third.block.add_fraction(slot, 0.1) && third.block.add_fraction(slot, 0.2));
    store.add_shared_fraction(slot, 1e300);
    assert_eq!(store.sum(slot), (7, 1e300));
    store.close(slot);
    assert_eq!(store.open(), Some(slot));
    assert_eq!(store.sum(slot), (0, 0.0));
}

#[test]
fn a_restart_zeroes_every_slot_and_keeps_one_block() {
    let store = Store::new(&Anonymous);
    let slots: Vec<Slot> = (0..100).map(|_| store.open().expect("room")).collect();
    let mine = store.claim().expect("nobody else claims");
    let other = store.claim().expect("nobody else claims");
    store.begin_fractions(other.block);
    for slot in &slots {
        assert!(mine.block.add(*slot, 3) && other.block.add(*slot, 4));
        store.add_shared(*slot, 5);
        assert!(other.block.add_fraction(*slot, 0.5));
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
fn more_threads_than_blocks_in_a_group_can_claim() {
    let store = Store::new(&Anonymous);
    let slot = store.open().expect("room");
    let claims: Vec<_> = (0..100).map(|_| store.claim().expect("nobody else claims")).collect();
    assert!(claims.iter().all(|claim| claim.block.add(slot, 1)));
    assert_eq!(store.sum(slot), (100, 0.0));
}
