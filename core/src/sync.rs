//! The one door to atomics: no other file of this crate names `std::sync::atomic`.

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
