//! The children that a thread has looked up lately: the fast path of `Family::with_labels`.
//!
//! The path through the family's table takes a lock and changes a reference count that all threads
//! share. Both get slower with every thread. A thread reads its own cache without either: each
//! cached handle has a reference count of its own.

use std::cell::RefCell;

use crate::model::labels::Labels;

/// How many children a thread keeps. More than one hot path looks up; few enough that those kept
/// beyond the end of their family do not matter.
const PLACES: usize = 256;

/// The cache of one thread, for the children of all families of one metric type.
#[derive(Debug)]
pub struct Recent<M> {
    places: RefCell<Vec<Place<M>>>,
}

#[derive(Debug)]
struct Place<M> {
    /// The version of the family; 0 is that of no family.
    version: u64,
    hash: u64,
    /// The child's labels without constant ones. Stored inline so that a comparison need not follow
    /// the child's pointers.
    labels: Labels,
    child: Option<M>,
}

impl<M> Recent<M> {
    /// An empty cache, which allocates with its first child.
    pub(crate) const fn new() -> Recent<M> {
        Recent { places: RefCell::new(Vec::new()) }
    }
}

impl<M: Clone> Recent<M> {
    /// Returns the child that this thread has cached under the version and the hash, if its labels
    /// are the `same`.
    #[inline]
    pub(crate) fn find(
        &self,
        version: u64,
        hash: u64,
        same: impl FnOnce(&Labels) -> bool,
    ) -> Option<M> {
        let recent = self.places.try_borrow().ok()?;
        let is_it = |place: &&Place<M>| place.version == version && place.hash == hash;
        let place = places(hash).into_iter().find_map(|at| recent.get(at).filter(is_it))?;
        if same(&place.labels) { place.child.clone() } else { None }
    }

    /// Caches `child`. Returns the child that it replaces, to be dropped outside the cache.
    pub(crate) fn insert(&self, version: u64, hash: u64, labels: Labels, child: M) -> Option<M> {
        let new = Place { version, hash, labels, child: Some(child) };
        let mut recent = self.places.try_borrow_mut().ok()?;
        if recent.is_empty() {
            recent.resize_with(PLACES, Place::empty);
        }
        let empty = places(hash).into_iter().find(|at| recent[*at].child.is_none());
        std::mem::replace(&mut recent[empty.unwrap_or(places(hash)[0])], new).child
    }
}

impl<M> Place<M> {
    fn empty() -> Place<M> {
        Place { version: 0, hash: 0, labels: Labels::default(), child: None }
    }
}

/// Returns the two places for a hash, so that two children used in turn seldom replace each other.
#[expect(clippy::cast_possible_truncation, reason = "any bits of the hash do")]
fn places(hash: u64) -> [usize; 2] {
    [hash as usize % PLACES, (hash >> 32) as usize % PLACES]
}
