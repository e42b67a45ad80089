//! The part of a metric that its clones share: its state, and the owner of its words.

use std::ops::Deref;
use std::sync::Arc;

/// The state that all clones of a metric share, and the owner `T` of its words.
///
/// Aligned, because an allocator may put memory of two threads on one cache line. So the reference
/// count of the clones in one thread's cache has a separate cache line.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Owned<S, T> {
    state: S,
    owner: Owner<S, T>,
}

#[derive(Debug)]
enum Owner<S, T> {
    Here(T),
    /// A clone in one thread's cache, which has a separate reference count.
    There(Arc<Owned<S, T>>),
}

impl<S: Clone, T> Owned<S, T> {
    pub(crate) fn new(state: S, owner: T) -> Arc<Owned<S, T>> {
        Arc::new(Owned { state, owner: Owner::Here(owner) })
    }

    /// Returns the owner of the words, which all clones share.
    pub(crate) fn owner(&self) -> &T {
        match &self.owner {
            Owner::Here(owner) => owner,
            Owner::There(owned) => owned.owner(),
        }
    }

    /// Returns the address of the owner. Metrics with the same address are the same.
    pub(crate) fn id(&self) -> usize {
        std::ptr::from_ref(self.owner()).addr()
    }

    /// Returns a handle for a thread's cache, with a reference count that no other thread changes.
    pub(crate) fn with_own_refcount(self: &Arc<Owned<S, T>>) -> Arc<Owned<S, T>> {
        let owner = Owner::There(Arc::clone(self));
        Arc::new(Owned { state: self.state.clone(), owner })
    }
}

impl<S, T> Deref for Owned<S, T> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        &self.state
    }
}
