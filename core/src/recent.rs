//! The children that a thread has looked up lately: the fast way of `Family::with_labels`.
//!
//! The way through the family's table takes a lock and counts up a reference count that all threads
//! share, and both get slower with every thread. What a thread remembers it finds alone: it has a
//! handle with a reference count of its own.

use std::cell::RefCell;

use crate::counter::Counter;

/// How many children a thread remembers. More than are looked up in one hot path; few enough that
/// those which are remembered beyond their family's end do not matter.
const PLACES: usize = 256;

struct Place {
    stamp: u64,
    hash: u64,
    child: Option<Counter>,
}

thread_local!(static RECENT: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) });

/// The counter that this thread remembers under the stamp and the hash, if it is the `same`.
#[inline]
pub(crate) fn recall(
    stamp: u64,
    hash: u64,
    same: impl FnOnce(&Counter) -> bool,
) -> Option<Counter> {
    // An error means that the thread is past its teardown.
    RECENT
        .try_with(|recent| {
            let recent = recent.try_borrow().ok()?;
            let place = recent.get(place(hash))?;
            if place.stamp != stamp || place.hash != hash {
                return None;
            }
            place.child.as_ref().filter(|child| same(child)).cloned()
        })
        .ok()
        .flatten()
}

/// Remembers `child`, in place of another.
#[cold]
pub(crate) fn remember(stamp: u64, hash: u64, child: &Counter) {
    let new = Place { stamp, hash, child: Some(child.apart()) };
    let old = RECENT.try_with(|recent| {
        let mut recent = recent.borrow_mut();
        if recent.is_empty() {
            recent.resize_with(PLACES, || Place { stamp: 0, hash: 0, child: None });
        }
        std::mem::replace(&mut recent[place(hash)], new)
    });
    // Dropped here, when the places are no longer borrowed.
    drop(old);
}

#[expect(clippy::cast_possible_truncation)]
fn place(hash: u64) -> usize {
    hash as usize % PLACES
}
