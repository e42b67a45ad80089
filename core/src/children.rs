//! The children of a labelled family: found by their label values, listed for a gather.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::family::Metric;
use crate::labels::Labels;
use crate::snapshot::LabelSets;

/// The children, by their label values.
pub(crate) struct Children<M> {
    /// The hash of a child's values, to its place in the list.
    pub(crate) places: HashTable<(u64, usize)>,
    /// Copied on write, so that a gather holds the lock only for the copy of one pointer.
    pub(crate) list: Arc<Vec<Child<M>>>,
}

/// A child, and its labels: here too, so that who writes them follows fewer pointers.
#[derive(Clone)]
pub(crate) struct Child<M> {
    pub(crate) labels: Labels,
    pub(crate) metric: M,
}

impl<M: Metric> Children<M> {
    pub(crate) fn find<V: AsRef<str>>(&self, hash: u64, values: &[V]) -> Option<&M> {
        let same = |&(_, at): &(u64, usize)| has_values(&self.list[at].labels, values);
        self.places.find(hash, same).map(|&(_, at)| &self.list[at].metric)
    }

    pub(crate) fn insert(&mut self, hash: u64, child: M) -> M {
        self.places.insert_unique(hash, (hash, self.list.len()), |&(hash, _)| hash);
        let labels = child.desc().labels().clone();
        Arc::make_mut(&mut self.list).push(Child { labels, metric: child.clone() });
        child
    }

    /// The last child takes the place of the one that is removed.
    pub(crate) fn remove<V: AsRef<str>>(&mut self, hash: u64, values: &[V]) -> Option<Child<M>> {
        let same = |&(_, at): &(u64, usize)| has_values(&self.list[at].labels, values);
        let (_, at) = self.places.find_entry(hash, same).ok()?.remove().0;
        let last = self.list.len() - 1;
        if let Some(place) = self.places.iter_mut().find(|place| place.1 == last) {
            place.1 = at;
        }
        Some(Arc::make_mut(&mut self.list).swap_remove(at))
    }
}

pub(crate) fn has_values<V: AsRef<str>>(labels: &Labels, values: &[V]) -> bool {
    labels.iter().map(|(_, value)| value).eq(values.iter().map(AsRef::as_ref))
}

impl<M: Metric> LabelSets for Vec<Child<M>> {
    fn labels(&self, at: usize) -> &Labels {
        &self[at].labels
    }
}
