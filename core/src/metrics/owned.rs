//! The part of a metric that its clones share: its state, and the owner of its words.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crossbeam_utils::CachePadded;

/// The state that all clones of a metric share, and the owner `T` of its words.
pub(crate) type Owned<S, T> = WithOwner<S, dyn Keeps<T>>;

/// A state, and what keeps the owner of its words alive.
#[derive(Debug)]
pub(crate) struct WithOwner<S, K: ?Sized> {
    state: S,
    keeps: K,
}

/// Keeps the owner of a metric's words alive.
pub(crate) trait Keeps<T>: fmt::Debug + Send + Sync {
    fn owner(&self) -> &T;
}

#[derive(Debug)]
struct Owner<T>(T);

impl<T: fmt::Debug + Send + Sync> Keeps<T> for Owner<T> {
    fn owner(&self) -> &T {
        &self.0
    }
}

/// Gives the clones in one thread's cache a reference count of their own, on a cache line of its
/// own: an allocator may place memory of two threads side by side.
impl<S: fmt::Debug + Send + Sync, T> Keeps<T> for CachePadded<Arc<Owned<S, T>>> {
    fn owner(&self) -> &T {
        self.keeps.owner()
    }
}

impl<S, T> Owned<S, T>
where
    S: Clone + fmt::Debug + Send + Sync + 'static,
    T: fmt::Debug + Send + Sync + 'static,
{
    pub(crate) fn new(state: S, owner: T) -> Arc<Owned<S, T>> {
        Arc::new(WithOwner { state, keeps: Owner(owner) })
    }

    /// Returns the owner of the words, which all clones share.
    pub(crate) fn owner(&self) -> &T {
        self.keeps.owner()
    }

    /// Returns the address of the owner, which makes it the same metric.
    pub(crate) fn id(&self) -> usize {
        std::ptr::from_ref(self.owner()).addr()
    }

    /// Returns the same for a thread's cache: with a reference count that no other thread changes.
    pub(crate) fn with_own_refcount(self: &Arc<Owned<S, T>>) -> Arc<Owned<S, T>> {
        let keeps = CachePadded::new(Arc::clone(self));
        Arc::new(WithOwner { state: self.state.clone(), keeps })
    }
}

impl<S, K: ?Sized> Deref for WithOwner<S, K> {
    type Target = S;

    #[inline]
    fn deref(&self) -> &S {
        &self.state
    }
}
