//! Counters that were reset. Each read subtracts what their words held at the reset.
//!
//! Only the owner of a word may store into it, so a reset changes no word. An increment does not
//! need to check for a reset.

use std::collections::BTreeMap;

use crate::count::block::Slot;
use crate::sync::locks::Mutex;
use crate::sync::{AtomicBool, Ordering};

/// Whether any counter of this process was ever reset. Otherwise a read has nothing to subtract.
static ANY: AtomicBool = AtomicBool::new(false);

static BASES: Mutex<BTreeMap<Slot, (u64, f64)>> = Mutex::new(BTreeMap::new());

/// Makes later reads of a slot start from zero. `read` returns the current value of the slot.
pub(super) fn reset(slot: Slot, read: impl FnOnce() -> (u64, f64)) {
    ANY.store(true, Ordering::Release);
    let mut bases = BASES.lock();
    // The read is under the lock, so that the later of two concurrent resets has the larger base.
    let base = read();
    bases.insert(slot, base);
}

/// Drops the base of a slot, which was set to zero.
pub(super) fn forget(slot: Slot) {
    if ANY.load(Ordering::Acquire) {
        BASES.lock().remove(&slot);
    }
}

/// Drops the bases of all slots, which were set to zero.
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
    // The bases are read before the words, so no sum is smaller than its base.
    let bases: Vec<_> = {
        let bases = BASES.lock();
        slots.iter().map(|slot| bases.get(slot).copied().unwrap_or_default()).collect()
    };
    read(sums);
    for (sum, base) in sums.iter_mut().zip(bases) {
        *sum = (sum.0.saturating_sub(base.0), (sum.1 - base.1).max(0.0));
    }
}
