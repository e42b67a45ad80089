//! A sum that each thread counts in its own word: the contents of a counter.

use std::cell::Cell;
use std::sync::LazyLock;

use crate::count::block::{Block, Slot};
use crate::count::choice::{self, Choice};
use crate::count::memory::Anonymous;
use crate::count::place::{self, APART, At, Place, Private, UNRESOLVED};
use crate::count::segment::record::Wanted;
use crate::count::segment::resolve::Resolved;
use crate::count::spans::Span;
use crate::count::store::{Claim, NoBlock, Store};
use crate::count::{created, resets, thread_block};
use crate::sync::gate::Section;
use crate::sync::{AtomicUsize, Ordering};

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

/// A sum over all threads: of whole amounts up to `u64::MAX`, and of fractions as an f64. In a
/// segment, also over all processes.
#[derive(Debug)]
pub(crate) struct Sum {
    place: Place,
}

/// Adds to a [`Sum`]. It is stored inline in a counter, so that `inc` dereferences no pointer. It
/// must not outlive its sum: the slot then belongs to another one.
#[derive(Debug)]
pub(crate) struct Handle {
    /// As wide as the pointer beside it. A metric that was just looked up is moved word by word. A
    /// load that is wider than the store before it would wait for that store.
    slot: AtomicUsize,
}

impl Sum {
    /// Returns a sum of zero, or `None` if 2^26 of them are alive.
    pub(crate) fn new() -> Option<Sum> {
        // No fork happens while the store is half made.
        let _section = Section::enter();
        STORE.open().map(|first| Sum { place: Place::new(Span { first, len: 1 }) })
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle::new(self.place.slot())
    }

    /// Returns what this process has counted: the whole amounts, and the fractions. Neither is ever
    /// smaller than in an earlier read of the same thread, or of one that it synchronised with.
    /// Both are exact once the writers are joined.
    #[cold]
    pub(crate) fn own(&self) -> (u64, f64) {
        let private = || private(self.place.private().first);
        match self.place.get() {
            Some(At::Segment(attached, word)) => {
                let now = attached.own_sum(word, private);
                let at_first = self.place.before(0);
                (now.0.saturating_sub(at_first.0), now.1 - at_first.1)
            }
            _ => private(),
        }
    }

    /// Returns the word in a segment. Adds the series there if it is missing.
    #[cold]
    fn word(&self, handle: &Handle, wanted: &dyn Fn() -> Wanted) -> Option<Slot> {
        match self.resolve(handle, wanted) {
            Some(At::Segment(_, word)) => {
                self.place.settle_late(&Sums);
                Some(word)
            }
            _ => None,
        }
    }

    /// Makes it zero, with a new start time. Returns false, and does nothing, if the counts are in
    /// a segment, or could be: other processes count there too.
    #[cold]
    pub(crate) fn reset(&self) -> bool {
        if !matches!(choice::make(), Some(Choice::Private)) {
            return false;
        }
        let slot = self.place.private().first;
        resets::reset(slot, || STORE.sum(slot));
        self.place.begin_again();
        true
    }

    /// Returns when the counts began, in milliseconds of Unix time.
    pub(crate) fn created(&self) -> u64 {
        self.place.created()
    }

    /// Adds in the rare cases: the thread has no block, the handle is not resolved, the slot lies
    /// beyond the blocks, the word is full.
    #[cold]
    #[inline(never)]
    pub(crate) fn add_first(&self, handle: &Handle, amount: u64, wanted: &dyn Fn() -> Wanted) {
        match self.resolve(handle, wanted) {
            Some(At::Private(slot)) => {
                if !claim().is_some_and(|block| block.add(slot, amount)) {
                    STORE.add_shared(slot, amount);
                }
            }
            Some(At::Segment(attached, word)) => {
                if claim().is_some_and(|block| block.add(word, amount)) {
                    return;
                }
                if let Some(block) = attached.shared_block() {
                    block.add_shared(word, amount);
                } else {
                    STORE.add_shared(self.place.private().first, amount);
                    place::note_left();
                }
            }
            Some(At::Apart(slot)) => STORE.add_shared(slot, amount),
            None => {
                STORE.add_shared(self.place.private().first, amount);
                self.place.settle_late(&Sums);
            }
        }
    }

    /// Does the same for an amount that is not whole.
    #[cold]
    #[inline(never)]
    pub(crate) fn add_first_fraction(
        &self,
        handle: &Handle,
        amount: f64,
        wanted: &dyn Fn() -> Wanted,
    ) {
        match self.resolve(handle, wanted) {
            Some(At::Private(slot)) => {
                let add = |block: &Block| {
                    STORE.begin_fractions(block);
                    block.add_fraction(slot, amount)
                };
                if !claim().is_some_and(add) {
                    STORE.add_shared_fraction(slot, amount);
                }
            }
            Some(At::Segment(attached, word)) => {
                let add = |block: &Block| {
                    block.begin_fractions();
                    block.add_fraction(word, amount)
                };
                if claim().is_some_and(add) {
                    return;
                }
                if let Some(block) = attached.shared_block() {
                    block.add_shared_fraction(word, amount);
                } else {
                    STORE.add_shared_fraction(self.place.private().first, amount);
                    place::note_left();
                }
            }
            Some(At::Apart(slot)) => STORE.add_shared_fraction(slot, amount),
            None => {
                STORE.add_shared_fraction(self.place.private().first, amount);
                self.place.settle_late(&Sums);
            }
        }
    }

    fn resolve(&self, handle: &Handle, wanted: &dyn Fn() -> Wanted) -> Option<At> {
        leave_block_of_others();
        let at = self.place.get().or_else(|| self.place.resolve(&Sums, wanted));
        // Relaxed: the slot alone counts. Its words have room since before it was stored.
        handle.set(self.place.slot());
        at
    }
}

impl Drop for Sum {
    fn drop(&mut self) {
        let _section = Section::enter();
        let slot = self.place.private().first;
        resets::forget(slot);
        STORE.close(slot);
    }
}

/// The slots of sums in private memory.
struct Sums;

impl Private for Sums {
    fn is_empty(&self, span: Span) -> bool {
        span.slots().all(|slot| STORE.sum(slot) == (0, 0.0))
    }

    fn move_to(&self, span: Span, block: &Block, first: Slot) {
        for (slot, word) in span.slots().zip((first.0..).map(Slot)) {
            let (whole, fraction) = STORE.take_shared(slot);
            if whole > 0 {
                block.add_shared(word, whole);
            }
            if fraction != 0.0 {
                block.add_shared_fraction(word, fraction);
            }
        }
    }

    fn counted(&self, resolved: &Resolved<'_>, words: u32) -> Box<[(u64, f64)]> {
        let first = resolved.words.first.0;
        (first..first + words).map(|word| resolved.own_sum(Slot(word))).collect()
    }
}

impl Handle {
    /// Returns another handle of the same sum. If this one is not resolved, takes the slot from the
    /// sum for both. A thread's cache clones one handle again and again, and its first clone counts
    /// first.
    #[inline]
    pub(crate) fn clone_with<'a>(&self, sum: impl FnOnce() -> &'a Sum) -> Handle {
        if self.slot() == Slot(UNRESOLVED) {
            self.set(sum().place.slot());
        }
        Handle::new(self.slot().0)
    }

    #[inline]
    fn new(slot: u32) -> Handle {
        Handle { slot: AtomicUsize::new(slot as usize) }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "only a u32 is stored")]
    fn slot(&self) -> Slot {
        Slot(self.slot.load(Ordering::Relaxed) as u32)
    }

    #[inline]
    fn set(&self, slot: u32) {
        self.slot.store(slot as usize, Ordering::Relaxed);
    }

    /// Returns the slot, if it is resolved to one that lies in blocks or could.
    #[inline]
    fn resolved(&self) -> Option<Slot> {
        let slot = self.slot();
        (slot.0 < APART).then_some(slot)
    }

    /// Adds 1, as [`Handle::add`] does.
    #[inline]
    #[must_use]
    pub(crate) fn increment(&self) -> bool {
        thread_block::get().is_some_and(|block| block.increment(self.slot()))
    }

    /// Adds `amount`. Wait-free. Returns `false`, and adds nothing, if [`Sum::add_first`] must add
    /// it.
    #[inline]
    #[must_use]
    pub(crate) fn add(&self, amount: u64) -> bool {
        thread_block::get().is_some_and(|block| block.add(self.slot(), amount))
    }

    /// Adds an amount that is not whole, but finite and not negative. Wait-free. Returns `false`,
    /// and adds nothing, if [`Sum::add_first_fraction`] must add it.
    #[inline]
    #[must_use]
    pub(crate) fn add_fraction(&self, amount: f64) -> bool {
        thread_block::get().is_some_and(|block| block.add_fraction(self.slot(), amount))
    }
}

/// A metric that consists of one sum.
pub(crate) trait Summed {
    fn handle(&self) -> &Handle;

    fn sum(&self) -> &Sum;

    /// Returns the series of the metric in a segment.
    fn wanted(&self) -> Wanted;
}

/// Returns what this process has counted, as [`Sum::own`] does.
#[inline]
pub(crate) fn own(counter: &impl Summed) -> (u64, f64) {
    match (counter.handle().resolved(), choice::made()) {
        (Some(slot), Some(Choice::Private)) => private(slot),
        _ => counter.sum().own(),
    }
}

/// Returns the sum of a slot in private memory.
#[inline]
fn private(slot: Slot) -> (u64, f64) {
    let mut sum = [(0, 0.0)];
    resets::read(&[slot], &mut sum, |sum| sum[0] = STORE.sum(slot));
    sum[0]
}

/// Returns the sums that an exposition shows: of all processes, if this one has a segment. Neither
/// is ever smaller than in an earlier read.
#[inline]
pub(crate) fn exposed(counter: &impl Summed) -> (u64, f64) {
    match (counter.handle().resolved(), choice::made()) {
        (Some(slot), Some(Choice::Private)) => private(slot),
        _ => exposed_elsewhere(counter),
    }
}

#[cold]
fn exposed_elsewhere(counter: &impl Summed) -> (u64, f64) {
    let mut sum = (0, 0.0);
    exposed_many([counter].into_iter(), |whole, fractions| sum = (whole, fractions));
    sum
}

/// Calls `each` with the sums of many counters as an exposition shows them, in their order.
pub(crate) fn exposed_many<'a, S: Summed + 'a>(
    mut counters: impl Iterator<Item = &'a S>,
    mut each: impl FnMut(u64, f64),
) {
    /// Read at once: enough to change blocks seldom, few enough for the stack.
    const MANY: usize = 256;
    let choice = choice::made().or_else(|| choice::may_be_wished().then(choice::make)?);
    let mut slots = Vec::with_capacity(MANY);
    // The places of counters that are in private memory while the process has a segment.
    let mut apart: Vec<(usize, (u64, f64))> = Vec::new();
    loop {
        slots.clear();
        apart.clear();
        for counter in counters.by_ref().take(MANY) {
            let slot = match (counter.handle().resolved(), choice) {
                (Some(slot), Some(Choice::Segment(_))) if place::were_left() => {
                    counter.sum().place.settle_late(&Sums);
                    slot
                }
                (Some(slot), _) => slot,
                (None, Some(Choice::Segment(_))) => {
                    let (sum, handle) = (counter.sum(), counter.handle());
                    sum.word(handle, &|| counter.wanted()).unwrap_or_else(|| {
                        apart.push((slots.len(), sum.own()));
                        Slot(0)
                    })
                }
                (None, made) => {
                    let first = counter.sum().place.private().first;
                    if made.is_some() {
                        // A clone from before the first count: the next read need not look there.
                        counter.handle().set(first.0);
                    }
                    first
                }
            };
            slots.push(slot);
        }
        if slots.is_empty() {
            return;
        }
        let mut sums = [(0, 0.0); MANY];
        let sums = &mut sums[..slots.len()];
        match choice {
            Some(Choice::Segment(attached)) => attached.sums(&slots, sums),
            _ => resets::read(&slots, sums, |sums| STORE.sums(&slots, sums)),
        }
        for (at, sum) in &apart {
            sums[*at] = *sum;
        }
        for (whole, fractions) in sums {
            each(*whole, *fractions);
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter {
        handle: Handle,
        sum: Sum,
    }

    impl Summed for Counter {
        fn handle(&self) -> &Handle {
            &self.handle
        }

        fn sum(&self) -> &Sum {
            &self.sum
        }

        fn wanted(&self) -> Wanted {
            unreachable!("there is no segment")
        }
    }

    #[test]
    fn a_clone_resolves_the_handle_that_it_is_made_of() {
        let sum = Sum::new().expect("room");
        let cached = sum.handle();
        assert_eq!(cached.clone_with(|| &sum).resolved(), None);
        sum.add_first(&sum.handle(), 3, &|| unreachable!("there is no segment"));
        let first = Some(sum.place.private().first);
        assert_eq!((cached.clone_with(|| &sum).resolved(), cached.resolved()), (first, first));
    }

    #[test]
    fn a_read_resolves_a_handle_that_was_cloned_before_the_first_count() {
        let sum = Sum::new().expect("room");
        sum.add_first(&sum.handle(), 3, &|| unreachable!("there is no segment"));
        let counter = Counter { handle: Handle::new(UNRESOLVED), sum };
        let mut sums = Vec::new();
        for _ in 0..2 {
            exposed_many([&counter].into_iter(), |whole, fractions| sums.push((whole, fractions)));
            assert_eq!(counter.handle.resolved(), Some(counter.sum.place.private().first));
        }
        assert_eq!(sums, [(3, 0.0); 2]);
    }
}
