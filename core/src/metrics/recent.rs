//! The children that a thread has recently looked up: the fast path of `Family::with_labels`.
//!
//! The path through the family's table takes a lock and changes a reference count that all threads
//! share. Both get slower with every thread. A thread reads its cache without either, because each
//! cached handle has a separate reference count.
//!
//! A cached child stays alive after its removal, with its words and its labels. So a thread drops
//! the children that were removed at its first look-up after any removal. A thread that looks
//! nothing up any more keeps at most [`PLACES`] children, each with at most [`MAX_TEXT`] bytes of
//! labels.

use std::cell::Cell;
use std::fmt;
use std::mem;
use std::sync::Arc;

use crate::model::labels::Labels;
use crate::sync::{AtomicU64, Ordering};

/// The number of children that a thread keeps: more than one hot path looks up.
const PLACES: usize = 256;
/// The most bytes of labels that a cached child may have.
const MAX_TEXT: usize = 1024;

/// The newest version of any family.
static NEWEST: AtomicU64 = AtomicU64::new(0);

/// The version of one family, under which threads cache its children. No other family has the same.
/// It is replaced when a child is removed, and ends with the family.
#[derive(Debug)]
pub(crate) struct Version {
    /// Stored inline so that a look-up need not follow a pointer.
    number: AtomicU64,
    /// The same number, for caches that outlive the family; 0 after its end.
    shared: Arc<AtomicU64>,
}

impl Version {
    pub(crate) fn new() -> Version {
        let number = next();
        Version { number: AtomicU64::new(number), shared: Arc::new(AtomicU64::new(number)) }
    }

    #[inline]
    pub(crate) fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    /// Outdates all that threads have cached of this family.
    pub(crate) fn replace(&self) {
        let number = next();
        self.number.store(number, Ordering::Relaxed);
        self.shared.store(number, Ordering::Relaxed);
        // Once more, after the stores: a thread that sweeps its cache after this sees them.
        next();
    }
}

impl Drop for Version {
    fn drop(&mut self) {
        self.shared.store(0, Ordering::Relaxed);
        next();
    }
}

/// Returns a number that no version has or had.
fn next() -> u64 {
    NEWEST.fetch_add(1, Ordering::Release) + 1
}

/// The cache of one thread, for the children of all families of one metric type.
///
/// A look-up takes the places out and puts them back. So each access to the thread-local is small
/// enough to be inlined: a child that a call returns goes through memory. Code of the application
/// that a look-up runs, an `AsRef`, finds no places and works without them.
pub struct Recent<M>(Cell<Option<Places<M>>>);

/// The cached children, each at one of two places that its hash chooses.
pub(crate) struct Places<M> {
    /// The newest version when the places were last swept.
    swept: u64,
    places: Box<[Place<M>; PLACES]>,
}

struct Place<M> {
    /// The version of the family; 0 for no family.
    version: u64,
    /// The present version of the family, or 0.
    present: Option<Arc<AtomicU64>>,
    /// The child's labels. Stored inline so that a comparison follows fewer pointers.
    labels: Labels,
    child: Option<M>,
}

impl<M> Recent<M> {
    /// Returns an empty cache, which allocates with its first child.
    pub(crate) const fn new() -> Recent<M> {
        Recent(Cell::new(None))
    }

    /// Takes the places out, if there are any.
    #[inline]
    pub(crate) fn take(&self) -> Option<Places<M>> {
        self.0.take()
    }

    /// Puts back the places that were taken out.
    #[inline]
    pub(crate) fn put(&self, places: Places<M>) {
        if let Some(others) = self.0.replace(Some(places)) {
            others.discard();
        }
    }

    /// Forgets the children of outdated versions. Returns them, to be dropped outside the cache.
    pub(crate) fn sweep(&self) -> Vec<M> {
        let Some(mut places) = self.take() else { return Vec::new() };
        let forgotten = places.sweep();
        if forgotten.is_empty() || !places.are_empty() {
            self.put(places);
        }
        forgotten
    }

    /// Caches `child` under this version, unless its labels are long. Returns the child
    /// that it replaces, to be dropped outside the cache.
    pub(crate) fn insert(
        &self,
        (version, present): (u64, &Version),
        hash: u64,
        labels: Labels,
        child: impl FnOnce() -> M,
    ) -> Option<M> {
        if labels.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > MAX_TEXT {
            return None;
        }
        let present = Some(Arc::clone(&present.shared));
        let new = Place { version, present, labels, child: Some(child()) };
        let mut places = self.take().unwrap_or_else(Places::new);
        let replaced = places.insert(hash, new);
        self.put(places);
        replaced.child
    }
}

impl<M> fmt::Debug for Recent<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").finish_non_exhaustive()
    }
}

impl<M> Places<M> {
    fn new() -> Places<M> {
        let swept = NEWEST.load(Ordering::Acquire);
        let places: Box<[Place<M>]> = (0..PLACES).map(|_| Place::default()).collect();
        Places { swept, places: places.try_into().ok().expect("as many as PLACES") }
    }

    fn are_empty(&self) -> bool {
        self.places.iter().all(|place| place.child.is_none())
    }

    fn sweep(&mut self) -> Vec<M> {
        let newest = NEWEST.load(Ordering::Acquire);
        if mem::replace(&mut self.swept, newest) == newest {
            return Vec::new();
        }
        let outdated = self.places.iter_mut().filter(|place| place.is_outdated());
        outdated.filter_map(|place| mem::take(place).child).collect()
    }

    fn insert(&mut self, hash: u64, new: Place<M>) -> Place<M> {
        let empty = indices(hash).into_iter().find(|at| self.places[*at].child.is_none());
        mem::replace(&mut self.places[empty.unwrap_or(indices(hash)[0])], new)
    }

    /// Drops the places that a look-up within another one has made.
    #[cold]
    fn discard(self) {
        drop(self);
    }
}

impl<M: Clone> Places<M> {
    /// Returns the child with these label values that is cached under the version. Returns `None`
    /// also if the places have to be swept.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for `Family::with_labels`")]
    pub(crate) fn find<V: AsRef<str>>(&self, version: u64, hash: u64, values: &[V]) -> Option<M> {
        if self.swept != NEWEST.load(Ordering::Acquire) {
            return None;
        }
        let is_it = |place: &&Place<M>| place.version == version && place.labels.end_in(values);
        indices(hash).into_iter().map(|at| &self.places[at]).find(is_it)?.child.clone()
    }
}

impl<M> Default for Place<M> {
    fn default() -> Place<M> {
        Place { version: 0, present: None, labels: Labels::default(), child: None }
    }
}

impl<M> Place<M> {
    fn is_outdated(&self) -> bool {
        self.present.as_ref().is_some_and(|now| now.load(Ordering::Relaxed) != self.version)
    }
}

/// Returns the two places for a hash, so that two children used in turn seldom replace each other.
#[expect(clippy::cast_possible_truncation, reason = "any bits of the hash do")]
#[inline]
fn indices(hash: u64) -> [usize; 2] {
    [hash as usize % PLACES, (hash >> 32) as usize % PLACES]
}
