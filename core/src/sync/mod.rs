//! The only imports of atomics: no other file of this crate names `std::sync::atomic`. The models
//! in `tests/rust/loom` replace this file by one with loom's atomics.

pub(crate) mod cell;
pub(crate) mod gate;
pub(crate) mod locks;
pub(crate) mod uncancelled;

pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
pub(crate) use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
