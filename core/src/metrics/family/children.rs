//! The children of a labelled family: found by their label values, listed for a gather.

use std::sync::Arc;
use std::time::SystemTime;

use hashbrown::HashTable;

use crate::count::created;
use crate::metrics::metric::Metric;
use crate::model::kept::Kept;
use crate::model::labels::Labels;
use crate::model::samples::LabelSets;

/// The children, by their label values.
pub(crate) struct Children<M> {
    /// The place in the list of each child, found by the hash of its values.
    places: HashTable<usize>,
    /// Copied on write, so that a gather holds the lock only while it copies one pointer.
    list: Arc<List<M>>,
}

/// Children in an order, and what readers derive from their labels.
#[derive(Debug)]
pub(crate) struct List<M> {
    /// Apart from their keys, so that a reader of all values reads little memory.
    pub(crate) metrics: Vec<M>,
    /// The key of each metric.
    keys: Vec<Key>,
    kept: Kept,
}

#[derive(Clone, Debug)]
struct Key {
    /// The hash of the label values.
    hash: u64,
    /// Stored inline so that a reader of all labels follows fewer pointers.
    labels: Labels,
}

impl<M> List<M> {
    fn new(metrics: Vec<M>, keys: Vec<Key>) -> Arc<List<M>> {
        Arc::new(List { metrics, keys, kept: Kept::default() })
    }
}

impl<M: Metric> Children<M> {
    pub(crate) fn new() -> Children<M> {
        Children { places: HashTable::new(), list: List::new(Vec::new(), Vec::new()) }
    }

    pub(crate) fn list(&self) -> Arc<List<M>> {
        Arc::clone(&self.list)
    }

    pub(crate) fn len(&self) -> usize {
        self.list.metrics.len()
    }

    /// Returns the list to be changed; a copy, if a gather reads it now.
    fn list_mut(&mut self) -> &mut List<M> {
        if Arc::get_mut(&mut self.list).is_none() {
            self.list = List::new(self.list.metrics.clone(), self.list.keys.clone());
        }
        let list = Arc::get_mut(&mut self.list).expect("nobody else has the copy");
        list.kept = Kept::default();
        list
    }

    /// Removes all children and returns them.
    pub(crate) fn clear(&mut self) -> Arc<List<M>> {
        self.places.clear();
        std::mem::replace(&mut self.list, List::new(Vec::new(), Vec::new()))
    }

    pub(crate) fn find<V: AsRef<str>>(&self, hash: u64, values: &[V]) -> Option<&M> {
        let same = |&at: &usize| self.list.keys[at].labels.end_in(values);
        self.places.find(hash, same).map(|&at| &self.list.metrics[at])
    }

    /// Adds a child that does not exist yet.
    pub(crate) fn insert(&mut self, hash: u64, metric: M) -> M {
        let keys = &self.list.keys;
        self.places.insert_unique(hash, keys.len(), |&at| keys[at].hash);
        let labels = metric.desc().labels().clone();
        let list = self.list_mut();
        list.keys.push(Key { hash, labels });
        list.metrics.push(metric.clone());
        metric
    }

    /// Removes a child and returns it. The last child takes its place in the list.
    pub(crate) fn remove<V: AsRef<str>>(&mut self, hash: u64, values: &[V]) -> Option<M> {
        let keys = &self.list.keys;
        let same = |&at: &usize| keys[at].labels.end_in(values);
        let (at, _) = self.places.find_entry(hash, same).ok()?.remove();
        let last = keys.len() - 1;
        if let Some(place) = self.places.find_mut(keys[last].hash, |&at| at == last) {
            *place = at;
        }
        let changed = self.list_mut();
        changed.keys.swap_remove(at);
        Some(changed.metrics.swap_remove(at))
    }
}

impl<M: Metric> LabelSets for List<M> {
    fn len(&self) -> usize {
        self.metrics.len()
    }

    fn labels(&self, at: usize) -> &Labels {
        &self.keys[at].labels
    }

    fn created(&self, at: usize) -> Option<SystemTime> {
        self.metrics[at].created()
    }

    fn created_version(&self) -> u64 {
        created::changes()
    }

    fn kept(&self) -> &Kept {
        &self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::gauge::Gauge;
    use crate::metrics::metric::sealed::Metric as _;
    use crate::model::desc::Desc;
    use crate::model::kind::Kind;
    use crate::model::layout::Layout;
    use crate::model::merge::GaugeMerge;

    /// Tries a random order of insertions and removals, with hashes that collide.
    #[test]
    fn every_child_is_found_after_insertions_and_removals() {
        let family = Desc::new(Kind::Gauge, "f", "", Labels::default()).expect("valid");
        let family = family.with_label_names(["k".to_owned()].into()).expect("valid");
        let mut children = Children::<Gauge>::new();
        let mut there = Vec::new();
        let mut random = 7_u32;
        for _ in 0..3_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let number = (random >> 20) % 50;
            let (hash, values) = (u64::from(number % 7), [number.to_string()]);
            if let Some(at) = there.iter().position(|other| *other == number) {
                assert!(children.remove(hash, &values).is_some());
                there.swap_remove(at);
            } else {
                let desc = family.for_child(&values);
                let gauge = Gauge::make(desc, &Layout::SINGLE, &GaugeMerge::Sum).expect("room");
                gauge.set(number.into());
                children.insert(hash, gauge);
                there.push(number);
            }
            assert_eq!(children.len(), there.len());
            for number in 0..50 {
                let found = children.find(u64::from(number % 7), &[number.to_string()]);
                let value = there.contains(&number).then_some(f64::from(number));
                assert_eq!(found.and_then(Gauge::get), value);
            }
        }
        children.clear();
        assert!(children.find(0, &["0"]).is_none());
    }
}
