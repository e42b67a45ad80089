//! The children that a thread has looked up lately: the fast way of `Family::with_labels`.
//!
//! The way through the family's table takes a lock and counts up a reference count that all threads
//! share, and both get slower with every thread. What a thread remembers it finds alone: it has a
//! handle with a reference count of its own.

use std::cell::RefCell;

use crate::metrics::counter::Counter;
use crate::model::labels::Labels;

/// How many children a thread remembers. More than are looked up in one hot path; few enough that
/// those which are remembered beyond their family's end do not matter.
const PLACES: usize = 256;

struct Place {
    stamp: u64,
    hash: u64,
    /// Here too: the way to them through the child is long.
    labels: Labels,
    child: Option<Counter>,
}

thread_local!(static RECENT: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) });

/// The counter that this thread remembers under the stamp and the hash, if its labels are the `same`.
#[inline]
pub(crate) fn recall(stamp: u64, hash: u64, same: impl FnOnce(&Labels) -> bool) -> Option<Counter> {
    let find = |recent: &RefCell<Vec<Place>>| {
        let recent = recent.try_borrow().ok()?;
        let is_it = |place: &&Place| place.stamp == stamp && place.hash == hash;
        let place = places(hash).into_iter().find_map(|at| recent.get(at).filter(is_it))?;
        if same(&place.labels) { place.child.clone() } else { None }
    };
    // An error means that the thread is past its teardown.
    RECENT.try_with(find).ok().flatten()
}

/// Remembers `child`, where need be in place of another.
#[cold]
pub(crate) fn remember(stamp: u64, hash: u64, child: &Counter) {
    let labels = child.desc().labels().clone();
    let new = Place { stamp, hash, labels, child: Some(child.apart()) };
    let replace = |recent: &RefCell<Vec<Place>>| {
        let mut recent = recent.try_borrow_mut().ok()?;
        if recent.is_empty() {
            let labels = Labels::default;
            recent.resize_with(PLACES, || Place {
                stamp: 0,
                hash: 0,
                labels: labels(),
                child: None,
            });
        }
        let free = places(hash).into_iter().find(|at| recent[*at].child.is_none());
        Some(std::mem::replace(&mut recent[free.unwrap_or(places(hash)[0])], new))
    };
    let replaced = RECENT.try_with(replace);
    // Here, when the places are no longer borrowed.
    drop(replaced);
}

/// The two places that a hash may have, so that two children that are used in turn seldom push each
/// other out.
#[expect(clippy::cast_possible_truncation, reason = "any bits of the hash do")]
fn places(hash: u64) -> [usize; 2] {
    [hash as usize % PLACES, (hash >> 32) as usize % PLACES]
}
