//! The gate between locks and forks: a thread holds a lock only inside a **section**, and a fork
//! waits until no thread is in one.
//!
//! Only the thread that forks exists in the child. If another thread held a lock, nobody would ever
//! unlock it in the child. A section is a read lock on one of a few **gates**, and a fork takes the
//! write locks of all. Threads are spread over the gates, and read locks do not wait for each
//! other.

use std::cell::{Cell, RefCell};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicUsize, Ordering};

/// Threads that share a gate slow each other down, but do not wait. So a few gates are enough.
const GATES: usize = 16;

static ALL: [CachePadded<RwLock<()>>; GATES] = [const { CachePadded::new(RwLock::new(())) }; GATES];
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The number of nested sections that the thread is in.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The thread's gate, counted from 1; 0 before its first section.
    static GATE: Cell<usize> = const { Cell::new(0) };
    /// The write locks on all gates, while the thread forks.
    static CLOSED: RefCell<Vec<RwLockWriteGuard<'static, ()>>> = const { RefCell::new(Vec::new()) };
}

/// Keeps other threads from forking until it is dropped.
#[derive(Debug)]
pub(crate) struct Section(
    #[expect(dead_code, reason = "held")] Option<RwLockReadGuard<'static, ()>>,
);

impl Section {
    /// Enters a section. Waits only while another thread forks.
    pub(crate) fn enter() -> Section {
        let outermost = DEPTH.replace(DEPTH.get() + 1) == 0;
        Section(outermost.then(|| gate().read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Enters a section, or returns `None` while another thread forks. Never waits.
    pub(crate) fn try_enter() -> Option<Section> {
        let read = match DEPTH.get() {
            0 => Some(gate().try_read().ok()?),
            _ => None,
        };
        DEPTH.set(DEPTH.get() + 1);
        Some(Section(read))
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Returns whether the calling thread is in a section, and so may hold a lock.
pub(crate) fn is_in_section() -> bool {
    DEPTH.get() > 0
}

/// Returns the gate of this thread.
fn gate() -> &'static RwLock<()> {
    if GATE.get() == 0 {
        GATE.set(1 + THREADS.fetch_add(1, Ordering::Relaxed) % GATES);
    }
    &ALL[(GATE.get() - 1) % GATES]
}

/// Waits until no other thread is in a section, and keeps threads from entering one until [`open`].
pub(crate) fn close() {
    // A thread that is in a section itself, such as in a signal handler, cannot wait for its end.
    if DEPTH.replace(DEPTH.get() + 1) == 0 {
        let closed = ALL.iter().map(|gate| gate.write().unwrap_or_else(PoisonError::into_inner));
        // An error means that the thread is past its teardown. Then it forks without the gates.
        let _ = CLOSED.try_with(|slot| slot.replace(closed.collect()));
    }
}

/// Ends [`close`], in the parent and in the child.
pub(crate) fn open() {
    DEPTH.set(DEPTH.get() - 1);
    if DEPTH.get() == 0 {
        let _ = CLOSED.try_with(RefCell::take);
    }
}
