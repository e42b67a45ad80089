//! The place of a metric's counts: slots in private memory, or words of a segment. A metric is made
//! before its process has chosen between them, so its place is resolved later.

use std::cell::Cell;
use std::sync::OnceLock;

use crate::count::block::{Block, Slot};
use crate::count::choice::{self, Choice};
use crate::count::claim::claim;
use crate::count::created::Created;
use crate::count::segment::attached::resolve::Resolved;
use crate::count::segment::directory::NoWord;
use crate::count::segment::record::Wanted;
use crate::count::spans::Span;
use crate::diagnostics::{events, notes};
use crate::sync::{AtomicBool, AtomicU32, Ordering, fence};

/// The index of an unresolved place. It is beyond the end of every block, so an increment through
/// an unresolved handle fails the bounds check that every increment makes.
pub(crate) const UNRESOLVED: u32 = u32::MAX;
/// Added to a slot that is counted in private memory while the process has a segment. The result is
/// beyond the end of every block, too.
pub(crate) const APART_BIT: u32 = 1 << 31;

/// The number of calls that a thread counts in private memory after it found a lock held for long,
/// for instance by a stopped process.
const PATIENCE: u32 = 1_000;

/// Whether counts of a resolved place were left in private memory.
static WERE_LEFT: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether the thread is resolving a place. An allocator that counts calls this code
    /// recursively.
    static RESOLVING: Cell<bool> = const { Cell::new(false) };
    /// The number of calls of this thread before it tries to resolve a place again.
    static PAUSE: Cell<u32> = const { Cell::new(0) };
}

/// The place of a metric's counts.
#[derive(Debug)]
pub(crate) struct Place {
    /// The slots in private memory. In a process with a segment, they have the counts from before
    /// the words were found.
    private: Span,
    /// The first slot in the form of a handle, or [`UNRESOLVED`].
    at: AtomicU32,
    /// The counts that this process had in the words when the place was resolved. They are not zero
    /// if the process had an earlier metric for the series.
    before: OnceLock<Box<[(u64, f64)]>>,
    created: Created,
}

/// The store of the slots in private memory.
pub(crate) trait Private {
    /// Returns whether nothing was added to these slots.
    fn is_empty(&self, span: Span) -> bool;

    /// Moves everything from these slots to the words of a block that no thread has claimed.
    fn move_to(&self, span: Span, block: &Block, first: Slot);

    /// Returns the counts of this process in words of the segment.
    fn counted(&self, resolved: &Resolved<'_>, words: u32) -> Box<[(u64, f64)]>;
}

/// A resolved place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    /// Slots of private memory, in blocks.
    Private(Slot),
    /// Slots of private memory that only the shared block has: in a process with a segment, and if
    /// cells cannot be in blocks.
    Apart,
    /// Words of the segment.
    Segment(&'static crate::count::segment::attached::Attached, Slot),
}

/// Records that counts of a resolved place stayed in private memory, because all blocks of the
/// segment are in use. The next exposition moves them, if a block is free.
#[cold]
pub(crate) fn note_left() {
    if !WERE_LEFT.swap(true, Ordering::Relaxed) {
        events::SERIES_APART.add();
        notes::add("counts of this process wait for a block of its segment: all are in use".into());
        notes::deliver();
    }
}

/// Returns whether [`note_left`] was called.
pub(crate) fn were_left() -> bool {
    WERE_LEFT.load(Ordering::Relaxed)
}

impl Place {
    pub(crate) fn new(private: Span) -> Place {
        let at = match choice::made() {
            Some(Choice::Private) => private.first.0,
            _ => UNRESOLVED,
        };
        Place {
            private,
            at: AtomicU32::new(at),
            before: OnceLock::new(),
            created: Created::at_making(),
        }
    }

    /// Returns the slots in private memory.
    pub(crate) fn private(&self) -> Span {
        self.private
    }

    /// Returns the first slot for a handle, or [`UNRESOLVED`].
    pub(crate) fn slot(&self) -> u32 {
        self.at.load(Ordering::Acquire)
    }

    /// Returns the place of the counts, if it is resolved.
    pub(crate) fn get(&self) -> Option<At> {
        let at = self.slot();
        if at == UNRESOLVED {
            return None;
        }
        Some(match choice::made()? {
            Choice::Private => At::Private(self.private.first),
            Choice::Segment(_) if at >= APART_BIT => At::Apart,
            Choice::Segment(attached) => At::Segment(attached, Slot(at)),
        })
    }

    /// Returns when the counts began, in milliseconds of Unix time: when the metric was made, or
    /// when the series was added to the segment.
    pub(crate) fn created(&self) -> u64 {
        match self.get() {
            Some(At::Segment(..)) => self.created.in_segment(),
            _ => self.created.here(),
        }
    }

    /// Records that the counts were reset and begin now.
    pub(crate) fn begin_again(&self) {
        self.created.begin_again();
    }

    /// Returns what this process had counted in a word when the place was resolved.
    pub(crate) fn before(&self, number: usize) -> (u64, f64) {
        let before = self.before.get().and_then(|before| before.get(number));
        before.copied().unwrap_or_default()
    }

    /// Resolves the place: adds the series to the segment if it is missing. Returns `None` if that
    /// cannot be done now.
    #[cold]
    pub(crate) fn resolve(&self, private: &dyn Private, wanted: &dyn Fn() -> Wanted) -> Option<At> {
        if let Some(at) = self.get() {
            return Some(at);
        }
        match choice::make()? {
            Choice::Private => {
                self.at.store(self.private.first.0, Ordering::Release);
            }
            Choice::Segment(attached) => {
                if let Some(left) = PAUSE.get().checked_sub(1) {
                    PAUSE.set(left);
                    return None;
                }
                if RESOLVING.replace(true) {
                    return None;
                }
                let wanted = wanted();
                let settle = |resolved: &mut Resolved<'_>| self.settle(private, resolved);
                let found = attached.resolve(&wanted, settle);
                RESOLVING.set(false);
                match found {
                    Ok(Some(_)) => {}
                    Ok(None) => PAUSE.set(PATIENCE),
                    Err(why) => self.stay_private(&wanted, why),
                }
            }
        }
        self.get()
    }

    /// Adds a count at a place, which is `None` if it cannot be resolved now. `add` adds to the
    /// block of this thread, and returns `false` if that has no room. The second choice is
    /// `add_shared`, to the shared block of the segment. The last one is `add_private`, to the
    /// shared block in private memory.
    pub(crate) fn add_first(
        &self,
        at: Option<At>,
        private: &dyn Private,
        add: impl Fn(&Block, Slot) -> bool,
        add_shared: impl Fn(&Block, Slot),
        add_private: impl Fn(Slot),
    ) {
        if let Some(At::Private(first) | At::Segment(_, first)) = at {
            if claim().is_some_and(|block| add(block, first)) {
                return;
            }
        }
        if let Some(At::Segment(attached, first)) = at {
            if let Some(block) = attached.shared_block() {
                return add_shared(block, first);
            }
            note_left();
        }
        add_private(self.private.first);
        if at.is_none() {
            self.settle_late(private);
        }
    }

    /// Moves earlier counts to the segment. The caller holds the lock of the process.
    fn settle(&self, private: &dyn Private, resolved: &mut Resolved<'_>) {
        if self.slot() != UNRESOLVED {
            return;
        }
        let first = resolved.words.first.0;
        let before = private.counted(resolved, self.private.len);
        if before.iter().any(|before| *before != (0, 0.0)) {
            let _ = self.before.set(before);
        }
        self.created.replace(resolved.words.created);
        // A thread that still counts in private memory reads `at` again after its count, and then
        // moves the count itself.
        self.at.store(first, Ordering::SeqCst);
        self.move_private(private, resolved);
    }

    /// Moves the counts that a thread has added to private memory while another thread resolved the
    /// place.
    pub(crate) fn settle_late(&self, private: &dyn Private) {
        fence(Ordering::SeqCst);
        if let Some(At::Segment(attached, first)) = self.get() {
            if !private.is_empty(self.private) {
                attached.with_resolved(first, |resolved| self.move_private(private, resolved));
            }
        }
    }

    fn move_private(&self, private: &dyn Private, resolved: &mut Resolved<'_>) {
        // With the fence in `settle_late`, at least one of the two threads sees the store of the
        // other.
        fence(Ordering::SeqCst);
        if private.is_empty(self.private) {
            return;
        }
        if let Some(block) = resolved.shared_block() {
            private.move_to(self.private, block, resolved.words.first);
        }
    }

    /// Leaves the counts in private memory, even if the process has a segment.
    pub(crate) fn stay_apart(&self) -> Option<At> {
        let at = match choice::make()? {
            Choice::Private => self.private.first.0,
            Choice::Segment(_) => self.private.first.0 | APART_BIT,
        };
        self.at.store(at, Ordering::Release);
        self.get()
    }

    fn stay_private(&self, wanted: &Wanted, why: NoWord) {
        if self.at.swap(self.private.first.0 | APART_BIT, Ordering::SeqCst) != UNRESOLVED {
            return;
        }
        why.note(wanted);
    }
}
