//! The locks that a forked child may use. It finds none of them locked, because each is held in a
//! section (`gate.rs`). Only exporters also have locks of `std`, which no child uses.

use std::ops::{Deref, DerefMut};
use std::sync::{self, OnceLock, PoisonError, TryLockError};

use crate::sync::gate::Section;

/// A locked lock, and the section that it is held in.
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

/// Returns the value in `cell`. If there is none, makes it in a section, because other threads wait
/// for the thread that makes it.
#[inline]
pub(crate) fn get_or_init<T>(cell: &OnceLock<T>, make: impl FnOnce() -> T) -> &T {
    if let Some(made) = cell.get() {
        return made;
    }
    let _section = Section::enter();
    cell.get_or_init(make)
}

/// A `std::sync::Mutex` that is held in a section. A panic does not poison it, because updates of
/// the guarded values cannot stop halfway.
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

    /// Locks it unless another thread has it, or forks. Never waits.
    pub(crate) fn try_lock(&self) -> Option<Guard<sync::MutexGuard<'_, T>>> {
        let section = Section::try_enter()?;
        let guard = match self.0.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Guard { guard, _section: section })
    }
}

/// A `std::sync::RwLock` that is held in a section. A panic does not poison it either.
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
