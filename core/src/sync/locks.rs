//! The locks of this crate: none is ever found locked in a forked child.
//!
//! A thread that holds a lock when another thread forks does not exist in the child, where nobody
//! would ever unlock it. So every lock here is held inside a **section**, and a fork waits until no
//! thread is in one (`fork.rs`). A section is a read lock on one of a few gates, each thread on its
//! own, so sections do not wait for each other.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::sync::{self, OnceLock, PoisonError, RwLockReadGuard, RwLockWriteGuard};

use crossbeam_utils::CachePadded;

use crate::sync::{AtomicUsize, Ordering};

/// Threads that share a gate only slow each other down, so a few gates do.
const GATES: usize = 16;

static ALL: [CachePadded<sync::RwLock<()>>; GATES] =
    [const { CachePadded::new(sync::RwLock::new(())) }; GATES];
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// How many sections the thread is in, one inside the other.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// The thread's gate, one based; 0 before its first section.
    static GATE: Cell<usize> = const { Cell::new(0) };
    /// All gates, while the thread forks.
    static CLOSED: RefCell<Vec<RwLockWriteGuard<'static, ()>>> = const { RefCell::new(Vec::new()) };
}

/// As long as it lives no other thread forks.
#[derive(Debug)]
pub(crate) struct Section(
    #[expect(dead_code, reason = "held")] Option<RwLockReadGuard<'static, ()>>,
);

impl Section {
    /// Waits only while another thread forks.
    pub(crate) fn enter() -> Section {
        let outermost = DEPTH.replace(DEPTH.get() + 1) == 0;
        Section(outermost.then(|| gate().read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Never waits; `None` while another thread forks.
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

fn gate() -> &'static sync::RwLock<()> {
    if GATE.get() == 0 {
        GATE.set(1 + THREADS.fetch_add(1, Ordering::Relaxed) % GATES);
    }
    &ALL[(GATE.get() - 1) % GATES]
}

/// Waits until no other thread is in a section, and keeps them out of it until [`open`].
pub(crate) fn close() {
    // Who is in a section (a signal handler, say) can not wait for its end.
    if DEPTH.replace(DEPTH.get() + 1) == 0 {
        let closed = ALL.iter().map(|gate| gate.write().unwrap_or_else(PoisonError::into_inner));
        // An error means that the thread is past its teardown: then it forks as it is.
        let _ = CLOSED.try_with(|slot| slot.replace(closed.collect()));
    }
}

/// The end of [`close`], in the parent and in the child.
pub(crate) fn open() {
    DEPTH.set(DEPTH.get() - 1);
    if DEPTH.get() == 0 {
        let _ = CLOSED.try_with(RefCell::take);
    }
}

/// What a lock gives, and the section in which it is held.
#[derive(Debug)]
pub(crate) struct Guard<G> {
    // Dropped in this order.
    guard: G,
    _section: Section,
}

impl<G: Deref> Deref for Guard<G> {
    type Target = G::Target;

    fn deref(&self) -> &G::Target {
        &self.guard
    }
}

impl<G: DerefMut> DerefMut for Guard<G> {
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.guard
    }
}

/// What `cell` holds, made if it is not there: in a section, because other threads wait while one makes
/// it.
#[inline]
pub(crate) fn get_or_init<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if let Some(made) = cell.get() {
        return made;
    }
    let _section = Section::enter();
    cell.get_or_init(make)
}

/// `std`'s, held in a section. A panic while it is held poisons nothing: what it guards is never
/// left half done.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Mutex<T> {
        Mutex(sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> Guard<sync::MutexGuard<'_, T>> {
        let section = Section::enter();
        Guard { guard: self.0.lock().unwrap_or_else(PoisonError::into_inner), _section: section }
    }
}

/// `std`'s, held in a section.
#[derive(Debug, Default)]
pub(crate) struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    pub(crate) const fn new(value: T) -> RwLock<T> {
        RwLock(sync::RwLock::new(value))
    }

    pub(crate) fn read(&self) -> Guard<sync::RwLockReadGuard<'_, T>> {
        let section = Section::enter();
        Guard { guard: self.0.read().unwrap_or_else(PoisonError::into_inner), _section: section }
    }

    pub(crate) fn write(&self) -> Guard<sync::RwLockWriteGuard<'_, T>> {
        let section = Section::enter();
        Guard { guard: self.0.write().unwrap_or_else(PoisonError::into_inner), _section: section }
    }
}
