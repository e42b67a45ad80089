//! Counters that were reset. Each read subtracts what their words held at the reset.
//!
//! No other thread may store into a word, so a reset changes none, and an increment need not check
//! for one.

use std::collections::BTreeMap;

use crate::count::block::Slot;
use crate::sync::locks::Mutex;
use crate::sync::{AtomicBool, Ordering};

/// Whether any counter of this process was ever reset. Otherwise a read has nothing to subtract.
static ANY: AtomicBool = AtomicBool::new(false);

static BASES: Mutex<BTreeMap<Slot, (u64, f64)>> = Mutex::new(BTreeMap::new());

/// Makes later reads of a slot start from zero, where `read` returns its present value.
pub(super) fn reset(slot: Slot, read: impl FnOnce() -> (u64, f64)) {
    ANY.store(true, Ordering::Release);
    let mut bases = BASES.lock();
    // Under the lock: of two resets at once, the later one has the larger base.
    let base = read();
    bases.insert(slot, base);
}

/// Forgets what the slot held: it was set to zero.
pub(super) fn forget(slot: Slot) {
    if ANY.load(Ordering::Acquire) {
        BASES.lock().remove(&slot);
    }
}

/// Forgets all slots: they were set to zero.
pub(super) fn forget_all() {
    if ANY.load(Ordering::Acquire) {
        BASES.lock().clear();
    }
}

/// Calls `read`, and subtracts the bases of the slots from the sums that it has written.
#[inline]
pub(super) fn read(slots: &[Slot], sums: &mut [(u64, f64)], read: impl FnOnce(&mut [(u64, f64)])) {
    if ANY.load(Ordering::Acquire) {
        read_since(slots, sums, read);
    } else {
        read(sums);
    }
}

#[cold]
fn read_since(slots: &[Slot], sums: &mut [(u64, f64)], read: impl FnOnce(&mut [(u64, f64)])) {
    // Read before the words: then no sum is smaller than its base.
    let bases: Vec<_> = {
        let bases = BASES.lock();
        slots.iter().map(|slot| bases.get(slot).copied().unwrap_or_default()).collect()
    };
    read(sums);
    for (sum, base) in sums.iter_mut().zip(bases) {
        *sum = (sum.0.saturating_sub(base.0), (sum.1 - base.1).max(0.0));
    }
}
