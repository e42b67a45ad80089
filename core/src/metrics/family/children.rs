//! The children of a labelled family: found by their label values, listed for a gather.

use std::sync::{Arc, OnceLock};

use hashbrown::HashTable;

use crate::metrics::metric::Metric;
use crate::model::labels::Labels;
use crate::model::snapshot::LabelSets;
use crate::model::texts::Texts;

/// The children, by their label values.
pub(crate) struct Children<M> {
    /// The hash of a child's values, to its place in the list.
    places: HashTable<(u64, usize)>,
    /// Copied on write, so that a gather holds the lock only for the copy of one pointer.
    list: Arc<List<M>>,
}

/// Children in an order, and what an encoder has written of their names and labels.
#[derive(Debug)]
pub(crate) struct List<M> {
    pub(crate) children: Vec<Child<M>>,
    lines: OnceLock<Texts>,
}

/// A child, and its labels: here too, so that who writes them follows fewer pointers.
#[derive(Clone, Debug)]
pub(crate) struct Child<M> {
    pub(crate) labels: Labels,
    pub(crate) metric: M,
}

impl<M> List<M> {
    fn new(children: Vec<Child<M>>) -> Arc<List<M>> {
        Arc::new(List { children, lines: OnceLock::new() })
    }
}

impl<M: Metric> Children<M> {
    pub(crate) fn new() -> Children<M> {
        Children { places: HashTable::new(), list: List::new(Vec::new()) }
    }

    pub(crate) fn list(&self) -> Arc<List<M>> {
        Arc::clone(&self.list)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.children.len()
    }

    /// The list, to be changed: another one, if somebody reads this one.
    fn list_mut(&mut self) -> &mut Vec<Child<M>> {
        if Arc::get_mut(&mut self.list).is_none() {
            self.list = List::new(self.list.children.clone());
        }
        let list = Arc::get_mut(&mut self.list).expect("nobody else has it");
        list.lines.take();
        &mut list.children
    }

    /// Takes all children out.
    pub(crate) fn clear(&mut self) -> Arc<List<M>> {
        self.places.clear();
        std::mem::replace(&mut self.list, List::new(Vec::new()))
    }

    pub(crate) fn find<V: AsRef<str>>(&self, hash: u64, values: &[V]) -> Option<&M> {
        let same = |&(_, at): &(u64, usize)| has_values(&self.list.children[at].labels, values);
        self.places.find(hash, same).map(|&(_, at)| &self.list.children[at].metric)
    }

    pub(crate) fn insert(&mut self, hash: u64, child: M) -> M {
        self.places.insert_unique(hash, (hash, self.len()), |&(hash, _)| hash);
        let labels = child.desc().labels().clone();
        self.list_mut().push(Child { labels, metric: child.clone() });
        child
    }

    /// The last child takes the place of the one that is removed.
    pub(crate) fn remove<V: AsRef<str>>(&mut self, hash: u64, values: &[V]) -> Option<Child<M>> {
        let same = |&(_, at): &(u64, usize)| has_values(&self.list.children[at].labels, values);
        let (_, at) = self.places.find_entry(hash, same).ok()?.remove().0;
        let last = self.len() - 1;
        if let Some(place) = self.places.iter_mut().find(|place| place.1 == last) {
            place.1 = at;
        }
        Some(self.list_mut().swap_remove(at))
    }
}

pub(crate) fn has_values<V: AsRef<str>>(labels: &Labels, values: &[V]) -> bool {
    labels.last_values(values.len()).eq(values.iter().map(AsRef::as_ref))
}

impl<M: Metric> LabelSets for List<M> {
    fn labels(&self, at: usize) -> &Labels {
        &self.children[at].labels
    }

    fn lines(&self) -> &OnceLock<Texts> {
        &self.lines
    }
}
