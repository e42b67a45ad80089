//! A labelled family: one metric for each set of label values.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

mod children;
pub(crate) mod recent;

use crate::count::events::LABEL_OVERFLOWS;
use crate::metrics::family::children::{Children, List, has_values};
use crate::metrics::family::recent::Recent;
use crate::metrics::metric::Metric;
use crate::metrics::opts::Opts;
use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::labels::Labels;
use crate::model::snapshot::{MetricFamily, Samples};
use crate::registry::collector::Collector;
use crate::sync::locks::RwLock;
use crate::sync::{AtomicU64, Ordering};

/// What every label of the overflow child says.
const OVERFLOW: &str = "__overflow__";

/// Metrics of one name, told apart by the values of their labels. Clones are the same family.
///
/// A child is made when its values are first asked for, and exposed from then on. Children are
/// owned: one that is held costs what a metric without labels costs, and goes on working after it
/// was removed from its family, which then no longer exposes it.
///
/// The number of children is bounded, because label values often come from outside. When a family
/// is full, what is asked for under new values is counted together, in one more child whose labels
/// all say `__overflow__`, and the look-up shows in `dataclay_metrics_label_overflows_total`.
///
/// ```
/// use dataclay_metrics_core::{Counter, Family, Registry, encode};
///
/// let requests = Family::<Counter>::new("requests", "Requests served", ["method", "code"])?;
/// let registry = Registry::new();
/// registry.register(&requests)?;
///
/// requests.with_labels(["get", "200"])?.inc();
/// let posts = requests.with_labels(["post", "201"])?; // held where it is counted often
/// posts.inc_by(2);
/// assert!(encode::text(&registry.gather()).ends_with(
///     "requests_total{method=\"get\",code=\"200\"} 1\n\
///      requests_total{method=\"post\",code=\"201\"} 2\n"
/// ));
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
pub struct Family<M>(Arc<Inner<M>>);

struct Inner<M> {
    desc: Desc,
    names: Box<[String]>,
    max_children: usize,
    hasher: DefaultHashBuilder,
    /// Under which a thread remembers children. Unlike any other family's, and a new one whenever a
    /// child is removed. Written under the lock.
    stamp: AtomicU64,
    children: RwLock<Children<M>>,
}

impl<M: Metric> Family<M> {
    /// A family without children, in no registry yet, for at most 10,000 of them. `_total` is added
    /// to the name of a counter if it is missing. A family has its name for itself: a registry
    /// refuses any other metric of that name beside it.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name does not match `[a-zA-Z_:][a-zA-Z0-9_:]*`;
    /// [`Error::Label`] if a label name does not match `[a-zA-Z_][a-zA-Z0-9_]*`, begins with `__`,
    /// or stands there twice.
    pub fn new<N: Into<String>>(
        name: &str,
        help: &str,
        label_names: impl IntoIterator<Item = N>,
    ) -> Result<Family<M>, Error> {
        Family::with_opts(Opts::new(name, help), label_names)
    }

    /// Makes a family with options.
    ///
    /// # Errors
    ///
    /// As [`Family::new`]; [`Error::MetricName`] also unless the name ends in `_` and the unit, if
    /// there is one; [`Error::Label`] also if a label name is that of a constant label.
    pub fn with_opts<N: Into<String>>(
        opts: impl Into<Opts>,
        label_names: impl IntoIterator<Item = N>,
    ) -> Result<Family<M>, Error> {
        let (desc, max_children, ()) = opts.into().for_family(M::KIND)?;
        Family::with_desc(desc, label_names, max_children)
    }

    /// The same for at most `max_children` children, the overflow child not counted.
    ///
    /// # Errors
    ///
    /// As [`Family::new`].
    pub fn with_max_children<N: Into<String>>(
        name: &str,
        help: &str,
        label_names: impl IntoIterator<Item = N>,
        max_children: usize,
    ) -> Result<Family<M>, Error> {
        Family::with_opts(Opts::new(name, help).max_children(max_children), label_names)
    }

    /// As [`Family::new`] with a unit, such as `seconds`, in which the name must end; an empty one
    /// is none.
    ///
    /// # Errors
    ///
    /// As [`Family::new`]; [`Error::MetricName`] also if the name does not end in `_` and the unit.
    pub fn with_unit<N: Into<String>>(
        name: &str,
        help: &str,
        unit: &str,
        label_names: impl IntoIterator<Item = N>,
    ) -> Result<Family<M>, Error> {
        Family::with_opts(Opts::new(name, help).unit(unit), label_names)
    }

    fn with_desc<N: Into<String>>(
        desc: Desc,
        label_names: impl IntoIterator<Item = N>,
        max_children: usize,
    ) -> Result<Family<M>, Error> {
        let names: Box<[String]> = label_names.into_iter().map(Into::into).collect();
        let own = names.iter().map(|name| (name.as_str(), ""));
        Labels::new(desc.labels().iter().chain(own))?;
        Ok(Family(Arc::new(Inner {
            desc,
            names,
            max_children,
            hasher: DefaultHashBuilder::default(),
            stamp: AtomicU64::new(new_stamp()),
            children: RwLock::new(Children::new()),
        })))
    }

    /// The child with these label values, in the order of the label names; made at zero if it is
    /// not there. Where the family is full, the overflow child.
    ///
    /// # Errors
    ///
    /// [`Error::Label`] unless there are as many values as label names;
    /// [`Error::TooManyCounters`] if the child would be new and 2^26 counters are alive.
    #[inline]
    pub fn with_labels<V: AsRef<str>>(&self, values: impl AsRef<[V]>) -> Result<M, Error> {
        let values = values.as_ref();
        self.0.check(values)?;
        let hash = self.0.hash(values);
        // A child that was removed before, as far as this thread can know, has an older stamp.
        let stamp = self.0.stamp.load(Ordering::Relaxed);
        let same = |labels: &Labels| has_values(labels, values);
        match M::recent().and_then(|cache| Recent::find(cache, stamp, hash, same)) {
            Some(child) => Ok(child),
            None => self.0.look_up(hash, values),
        }
    }

    /// Takes the child with these values out of the family, which no longer exposes it; the next
    /// one under these values starts at zero. Returns whether it was there.
    pub fn remove<V: AsRef<str>>(&self, values: impl AsRef<[V]>) -> bool {
        let values = values.as_ref();
        let mut children = self.0.children.write();
        let removed = children.remove(self.0.hash(values), values);
        self.0.stamp.store(new_stamp(), Ordering::Relaxed);
        drop(children);
        // Dropped here, not under the lock: a gauge's callback is code of the caller's.
        removed.is_some()
    }

    /// Takes all children out.
    pub fn clear(&self) {
        let mut children = self.0.children.write();
        let removed = children.clear();
        self.0.stamp.store(new_stamp(), Ordering::Relaxed);
        drop(children);
        drop(removed);
    }

    /// How many children there are, the overflow child included.
    pub fn len(&self) -> usize {
        self.0.list().children.len()
    }

    /// Whether there is no child.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The label names, in the order in which [`Family::with_labels`] wants the values.
    pub fn label_names(&self) -> &[String] {
        &self.0.names
    }

    /// The name, with `_total` for a counter.
    pub fn name(&self) -> &str {
        self.0.desc.name()
    }

    /// The description, without labels.
    pub fn desc(&self) -> &Desc {
        &self.0.desc
    }
}

impl<M: Metric> Inner<M> {
    #[inline]
    fn check<V: AsRef<str>>(&self, values: &[V]) -> Result<(), Error> {
        if values.len() == self.names.len() { Ok(()) } else { Err(self.wrong_number(values)) }
    }

    #[cold]
    fn wrong_number<V: AsRef<str>>(&self, values: &[V]) -> Error {
        let (name, rule) = match (self.names.get(values.len()), values.get(self.names.len())) {
            (None, Some(value)) => (value.as_ref(), "is a value without a label"),
            (name, _) => {
                let name = name.map_or("", String::as_str);
                (name, "has no value; a child has one for each label")
            }
        };
        Error::Label { name: name.to_owned(), rule }
    }

    #[inline]
    fn hash<V: AsRef<str>>(&self, values: &[V]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for value in values {
            hasher.write(value.as_ref().as_bytes());
        }
        hasher.finish()
    }

    fn list(&self) -> Arc<List<M>> {
        self.children.read().list()
    }

    #[cold]
    fn look_up<V: AsRef<str>>(&self, hash: u64, values: &[V]) -> Result<M, Error> {
        let children = self.children.read();
        if let Some(child) = children.find(hash, values) {
            let (child, stamp) = (child.clone(), self.stamp.load(Ordering::Relaxed));
            drop(children);
            if let Some(cache) = M::recent() {
                let labels = child.desc().labels().clone();
                Recent::insert(cache, stamp, hash, labels, child.with_own_refcount());
            }
            return Ok(child);
        }
        let full = children.len() >= self.max_children;
        drop(children);
        if full { self.overflow() } else { self.make(hash, values) }
    }

    /// The child with these values, made here unless another thread was faster.
    #[cold]
    fn make<V: AsRef<str>>(&self, hash: u64, values: &[V]) -> Result<M, Error> {
        let mut children = self.children.write();
        if let Some(child) = children.find(hash, values) {
            return Ok(child.clone());
        }
        if children.len() >= self.max_children {
            drop(children);
            return self.overflow();
        }
        Ok(children.insert(hash, self.child(values)?))
    }

    #[cold]
    fn overflow(&self) -> Result<M, Error> {
        LABEL_OVERFLOWS.fetch_add(1, Ordering::Relaxed);
        let values = vec![OVERFLOW; self.names.len()];
        let hash = self.hash(&values);
        let children = self.children.read();
        if let Some(child) = children.find(hash, &values) {
            return Ok(child.clone());
        }
        drop(children);
        let mut children = self.children.write();
        if let Some(child) = children.find(hash, &values) {
            return Ok(child.clone());
        }
        Ok(children.insert(hash, self.child(&values)?))
    }

    fn child<V: AsRef<str>>(&self, values: &[V]) -> Result<M, Error> {
        let constant =
            self.desc.labels().iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let values = values.iter().map(|value| value.as_ref().to_owned());
        let own = self.names.iter().cloned().zip(values);
        M::with_desc(self.desc.with_labels(Labels::unchecked(constant.chain(own).collect())))
    }
}

/// One that no family has or had.
fn new_stamp() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl<M: Metric> Collector for Family<M> {
    fn describe(&self) -> Vec<Desc> {
        vec![self.0.desc.clone()]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let list = self.0.list();
        let values = M::samples(list.children.iter().map(|child| &child.metric));
        let samples = Samples::of_children(list, values);
        vec![MetricFamily::with_samples(self.0.desc.clone(), samples)]
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl<M> Clone for Family<M> {
    fn clone(&self) -> Family<M> {
        Family(Arc::clone(&self.0))
    }
}

impl<M> fmt::Debug for Family<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family").field("desc", &self.0.desc).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::counter::Counter;
    use crate::metrics::gauge::Gauge;

    fn family(max_children: usize) -> Family<Counter> {
        Family::with_max_children("f", "help", ["a", "b"], max_children).expect("valid names")
    }

    #[test]
    fn a_child_has_one_value_for_each_label() {
        let family = family(9);
        let error = |values: &[&str]| family.with_labels(values).expect_err("refused").to_string();
        assert_eq!(error(&["x"]), "label \"b\": has no value; a child has one for each label");
        assert_eq!(error(&[]), "label \"a\": has no value; a child has one for each label");
        assert_eq!(error(&["x", "y", "z"]), "label \"z\": is a value without a label");
        assert!(family.is_empty());
        assert!(!family.remove(["x"]));
        for names in [["a", "a"], ["a", "__b"], ["a", "b-c"]] {
            assert!(Family::<Gauge>::new("f", "", names).is_err(), "{names:?}");
        }
    }

    #[test]
    fn values_are_not_mixed_up() {
        let family = family(9);
        for (at, values) in (1..).zip([["x", "yz"], ["xy", "z"], ["", "xyz"], ["xyz", ""]]) {
            family.with_labels(values).expect("room").inc_by(at);
        }
        for (at, values) in (1..).zip([["x", "yz"], ["xy", "z"], ["", "xyz"], ["xyz", ""]]) {
            assert_eq!(family.with_labels(values).expect("room").get(), at);
        }
    }

    #[test]
    fn a_full_family_counts_in_its_overflow_child() {
        let family = family(2);
        let overflows = || LABEL_OVERFLOWS.load(Ordering::Relaxed);
        let before = overflows();
        for value in ["1", "2", "3", "4", "1"] {
            family.with_labels([value, ""]).expect("room").inc();
        }
        assert_eq!(family.len(), 3);
        let overflow = family.with_labels([OVERFLOW, OVERFLOW]).expect("room");
        assert_eq!(overflow.get(), 2);
        assert_eq!(family.with_labels(["1", ""]).expect("room").get(), 2);
        assert_eq!(overflows() - before, 2);
        assert!(family.remove(["1", ""]) && family.remove([OVERFLOW, OVERFLOW]));
        family.with_labels(["3", ""]).expect("room").inc();
        assert_eq!(family.with_labels(["3", ""]).expect("room").get(), 1);
    }

    #[test]
    fn a_removed_child_works_on_unseen_and_its_successor_starts_at_zero() {
        let family = family(9);
        let all = ["1", "2", "3", "4"];
        let held = all.map(|value| family.with_labels([value, ""]).expect("room"));
        held.iter().for_each(Counter::inc);
        assert!(family.remove(["2", ""]));
        assert!(!family.remove(["2", ""]));
        held.iter().for_each(Counter::inc);
        assert_eq!(held[1].get(), 2);
        let values = all.map(|value| family.with_labels([value, ""]).expect("room").get());
        assert_eq!(values, [2, 0, 2, 2]);
        family.clear();
        assert!(family.is_empty() && family.collect()[0].samples.is_empty());
        assert_eq!(family.with_labels(["1", ""]).expect("room").get(), 0);
    }
}
