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

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::model::labels::Labels;
use crate::sync::{AtomicU64, Ordering};

/// How many children a thread keeps: more than one hot path looks up.
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
#[derive(Debug)]
pub struct Recent<M> {
    places: RefCell<Vec<Place<M>>>,
    /// The newest version when the cache was last swept.
    swept: Cell<u64>,
}

#[derive(Debug)]
struct Place<M> {
    /// The version of the family; 0 for no family.
    version: u64,
    /// The present version of the family, or 0.
    present: Option<Arc<AtomicU64>>,
    hash: u64,
    /// The child's labels without constant ones. Stored inline so that a comparison need not follow
    /// the child's pointers.
    labels: Labels,
    child: Option<M>,
}

impl<M> Recent<M> {
    /// Returns an empty cache, which allocates with its first child.
    pub(crate) const fn new() -> Recent<M> {
        Recent { places: RefCell::new(Vec::new()), swept: Cell::new(0) }
    }
}

impl<M: Clone> Recent<M> {
    /// Returns the child that this thread has cached under the version and the hash, if its labels
    /// are the `same`. Returns `None` also if the cache has to be swept.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for `Family::with_labels`")]
    pub(crate) fn find(
        &self,
        version: u64,
        hash: u64,
        same: impl FnOnce(&Labels) -> bool,
    ) -> Option<M> {
        if self.swept.get() != NEWEST.load(Ordering::Acquire) {
            return None;
        }
        let recent = self.places.try_borrow().ok()?;
        let is_it = |place: &&Place<M>| place.version == version && place.hash == hash;
        let place = places(hash).into_iter().find_map(|at| recent.get(at).filter(is_it))?;
        if same(&place.labels) { place.child.clone() } else { None }
    }

    /// Forgets the children of outdated versions. Returns them, to be dropped outside the
    /// cache.
    pub(crate) fn sweep(&self) -> Vec<M> {
        let newest = NEWEST.load(Ordering::Acquire);
        if self.swept.get() == newest {
            return Vec::new();
        }
        let Ok(mut recent) = self.places.try_borrow_mut() else { return Vec::new() };
        self.swept.set(newest);
        let outdated = recent.iter_mut().filter(|place| place.is_outdated());
        let forgotten = outdated.filter_map(|place| std::mem::replace(place, Place::empty()).child);
        let forgotten: Vec<M> = forgotten.collect();
        if !forgotten.is_empty() && recent.iter().all(|place| place.child.is_none()) {
            *recent = Vec::new();
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
        let new = Place { version, present, hash, labels, child: Some(child()) };
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
        Place { version: 0, present: None, hash: 0, labels: Labels::default(), child: None }
    }

    fn is_outdated(&self) -> bool {
        self.present.as_ref().is_some_and(|now| now.load(Ordering::Relaxed) != self.version)
    }
}

/// Returns the two places for a hash, so that two children used in turn seldom replace each other.
#[expect(clippy::cast_possible_truncation, reason = "any bits of the hash do")]
fn places(hash: u64) -> [usize; 2] {
    [hash as usize % PLACES, (hash >> 32) as usize % PLACES]
}
