//! Loom's atomics and locks, under the names of the file that they replace: `core/src/sync/mod.rs`.

pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
pub(crate) use loom::sync::{Mutex, MutexGuard};
pub(crate) use std::sync::PoisonError;

/// Cells. Loom has no 16-byte atomics, so the first word contains both a count and an f32.
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

    pub(crate) fn are_in_blocks() -> bool {
        true
    }
}

/// A `OnceLock` that loom models: `get_or_init` releases, and a `get` that returns a value
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
