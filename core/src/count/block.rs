//! One block: a thread's words of whole amounts and, once it has added others, of those.

use crate::count::words::{Slot, Words};
use crate::sync::{OnceLock, Ordering};

/// What one thread has counted.
#[derive(Debug)]
pub(crate) struct Block {
    whole: Words,
    /// Each an f64. Few threads add amounts that are not whole, so few have these.
    fractions: OnceLock<Box<Words>>,
}

impl Block {
    pub(crate) fn new() -> Block {
        Block { whole: Words::new(), fractions: OnceLock::new() }
    }

    /// Adds for the thread that has claimed this block, and for no other. `false` if the block was
    /// not given the slot's segment.
    #[inline]
    pub(crate) fn add(&self, slot: Slot, amount: u64) -> bool {
        let Some(word) = self.whole.word(slot) else { return false };
        word.store(word.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
        true
    }

    /// The same for an amount that is not whole. `false` also before [`Block::provide_fractions`].
    #[inline]
    pub(crate) fn add_fraction(&self, slot: Slot, amount: f64) -> bool {
        let Some(word) = self.fractions().and_then(|words| words.word(slot)) else { return false };
        let sum = f64::from_bits(word.load(Ordering::Relaxed)) + amount;
        word.store(sum.to_bits(), Ordering::Relaxed);
        true
    }

    /// Adds for any thread.
    pub(crate) fn add_shared(&self, slot: Slot, amount: u64) {
        if let Some(word) = self.whole.word(slot) {
            word.fetch_add(amount, Ordering::Relaxed);
        }
    }

    /// The same for an amount that is not whole.
    pub(crate) fn add_shared_fraction(&self, slot: Slot, amount: f64) {
        if let Some(word) = self.fractions().and_then(|words| words.word(slot)) {
            let add = |bits| Some((f64::from_bits(bits) + amount).to_bits());
            // Always Ok: `add` never declines.
            let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    /// The words of whole amounts.
    #[inline]
    pub(crate) fn whole(&self) -> &Words {
        &self.whole
    }

    /// The words of the other amounts, each an f64; `None` if none was ever added.
    #[inline]
    pub(crate) fn fractions(&self) -> Option<&Words> {
        self.fractions.get().map(|words| &**words)
    }

    /// The slot counts from zero. No thread adds to it meanwhile.
    pub(crate) fn reset(&self, slot: Slot) {
        self.whole.reset(slot);
        if let Some(fractions) = self.fractions() {
            fractions.reset(slot);
        }
    }

    /// Gives the block every segment up to `last`. The caller holds the claims lock.
    pub(crate) fn provide(&self, last: u32) {
        self.whole.provide(last);
        if let Some(fractions) = self.fractions() {
            fractions.provide(last);
        }
    }

    /// The same, and the words for fractions. The caller holds the claims lock.
    pub(crate) fn provide_fractions(&self, last: u32) {
        self.fractions.get_or_init(|| Box::new(Words::new())).provide(last);
    }
}
