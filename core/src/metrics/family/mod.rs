//! A labelled family: one metric for each set of label values.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

mod children;

use crate::diagnostics::events::LABEL_OVERFLOWS;
use crate::diagnostics::notes;
use crate::fork::exporters;
use crate::metrics::exemplars;
use crate::metrics::family::children::Children;
use crate::metrics::metric::{Metric, exemplars_of, read_changing};
use crate::metrics::opts::Opts;
use crate::metrics::recent::{Recent, Version};
use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::exemplar::Exemplar;
use crate::model::layout::Layout;
use crate::model::samples::{self, Samples};
use crate::model::snapshot::MetricFamily;
use crate::registry::call::Call;
use crate::registry::collector::Collector;
use crate::sync::locks::RwLock;
use crate::sync::uncancelled::Uncancelled;
use crate::sync::{AtomicBool, Ordering};

/// The value of every label of the overflow child.
const OVERFLOW: &str = "__overflow__";

/// Metrics of one name, one for each set of label values. Clones are the same family.
///
/// A child is made when its values are first looked up, and exposed until it is removed. A child
/// that you keep costs as much as a metric without labels. After its removal it still works, but is
/// not exposed.
///
/// The number of children is bounded, by default to 10,000, because label values often come from
/// outside. All further label sets share one child, whose labels all have the value `__overflow__`.
/// `dataclay_metrics_label_overflows_total` counts the look-ups of that kind.
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
pub struct Family<M: Metric>(Arc<State<M>>);

struct State<M: Metric> {
    desc: Desc,
    /// Stored inline so that a look-up need not follow the description's pointer.
    label_count: usize,
    /// The layout and the options of every child.
    layout: Layout,
    options: M::Options,
    max_children: usize,
    hasher: DefaultHashBuilder,
    /// Version of this family for the per-thread cache. Replaced under the lock.
    version: Version,
    children: RwLock<Children<M>>,
    /// Whether it was logged that the family is full.
    logged_full: AtomicBool,
}

impl<M: Metric> Family<M> {
    /// Makes a family without children, in no registry yet, for at most 10,000 of them. `_total`
    /// is added to the name of a counter and `_info` to that of an info, if it is missing.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name is empty or only a suffix, such as `_total`.
    /// [`Error::Label`] if a label name is empty, begins with `__` or occurs twice. Also for a name
    /// that samples of the metric type have themselves, such as `le`.
    /// [`Error::Setting`] if the type needs options, as a state set needs its states.
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
    /// As [`Family::new`]. [`Error::MetricName`] also if there is a unit and the name does not end
    /// in `_` and the unit. An info and a state set refuse every unit. [`Error::Label`] also if a
    /// label name is that of a constant label. [`Error::Setting`] also for options that the type
    /// refuses, such as a state that occurs twice.
    pub fn with_opts<N: Into<String>>(
        opts: Opts<M::Options>,
        label_names: impl IntoIterator<Item = N>,
    ) -> Result<Family<M>, Error> {
        let (desc, max_children, options) = opts.for_family(M::KIND)?;
        let label_names = label_names.into_iter().map(Into::into).collect();
        let desc = desc.with_label_names(label_names)?;
        let layout = M::layout_for(&desc, &options)?;
        layout.check(&desc)?;
        Ok(Family(Arc::new(State {
            label_count: desc.label_names().len(),
            desc,
            layout,
            options,
            max_children,
            hasher: DefaultHashBuilder::default(),
            version: Version::new(),
            children: RwLock::new(Children::new()),
            logged_full: AtomicBool::new(false),
        })))
    }

    /// Returns the child with these label values, in the order of the label names. Makes it at zero
    /// if it does not exist. Returns the overflow child if the family is full.
    ///
    /// A look-up may compare values under a lock. An [`AsRef`] that uses the same family may then
    /// wait for itself.
    ///
    /// # Errors
    ///
    /// [`Error::Label`] unless there are as many values as label names;
    /// [`Error::TooManyCounters`] if the child would be new and 2^26 counters are alive.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "a child that a call returns goes through memory, \
        which takes as long as all the rest; so do two children of one `match`"
    )]
    pub fn with_labels<V: AsRef<str>>(&self, values: impl AsRef<[V]>) -> Result<M, Error> {
        let values = values.as_ref();
        self.0.check(values)?;
        let hash = self.0.hash(values);
        let child = match self.0.recent(hash, values) {
            Some(child) => child,
            None => self.0.look_up(hash, values)?,
        };
        Ok(child)
    }

    /// Removes the child with these label values, if there is one, and returns whether there was.
    /// The next child with these values starts at zero.
    pub fn remove<V: AsRef<str>>(&self, values: impl AsRef<[V]>) -> bool {
        let values = values.as_ref();
        if self.0.check(values).is_err() {
            return false;
        }
        let mut children = self.0.children.write();
        let removed = children.remove(self.0.hash(values), values);
        self.0.version.replace();
        drop(children);
        // Dropped here, not under the lock: the function of a gauge is the application's code.
        drop(M::with_recent(Recent::sweep));
        removed.is_some()
    }

    /// Removes all children.
    pub fn clear(&self) {
        let mut children = self.0.children.write();
        let removed = children.clear();
        self.0.version.replace();
        drop(children);
        // Dropped here for the same reason as in `remove`.
        drop(M::with_recent(Recent::sweep));
        drop(removed);
    }

    /// Returns how many children there are, the overflow child included.
    pub fn len(&self) -> usize {
        self.0.children.read().len()
    }

    /// Returns whether there is no child.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the label names, in the order in which [`Family::with_labels`] takes the values.
    pub fn label_names(&self) -> &[String] {
        self.0.desc.label_names()
    }

    /// Returns the name, with `_total` for a counter and `_info` for an info.
    pub fn name(&self) -> &str {
        self.0.desc.name()
    }

    /// Returns the description, with the constant labels only.
    pub fn desc(&self) -> &Desc {
        &self.0.desc
    }
}

impl<M: Metric> State<M> {
    #[inline]
    fn check<V: AsRef<str>>(&self, values: &[V]) -> Result<(), Error> {
        if values.len() == self.label_count { Ok(()) } else { Err(self.wrong_number(values)) }
    }

    #[cold]
    fn wrong_number<V: AsRef<str>>(&self, values: &[V]) -> Error {
        let names = self.desc.label_names();
        let (name, rule) = match (names.get(values.len()), values.get(names.len())) {
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

    /// Returns the child with these values if the thread has looked it up lately.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as for `Family::with_labels`")]
    fn recent<V: AsRef<str>>(&self, hash: u64, values: &[V]) -> Option<M> {
        let places = M::with_recent(Recent::take)??;
        // A child that was removed before, as far as this thread can know, has an older version.
        let child = places.find(self.version.number(), hash, values);
        M::with_recent(|recent| recent.put(places));
        child
    }

    #[cold]
    fn look_up<V: AsRef<str>>(&self, hash: u64, values: &[V]) -> Result<M, Error> {
        // Dropped here, not while the cache is borrowed: a drop may look a child up.
        drop(M::with_recent(Recent::sweep));
        let children = self.children.read();
        if let Some(child) = children.find(hash, values) {
            let (child, version) = (child.clone(), self.version.number());
            drop(children);
            let replaced = M::with_recent(|recent| {
                let labels = child.desc().labels().clone();
                let child = || child.with_own_refcount();
                recent.insert((version, &self.version), hash, labels, child)
            });
            // Dropped here for the same reason.
            drop(replaced);
            return Ok(child);
        }
        let full = self.is_full(&children);
        drop(children);
        if full { self.overflow() } else { self.make(hash, values) }
    }

    /// Returns the child with these values; makes it unless another thread was faster.
    #[cold]
    fn make<V: AsRef<str>>(&self, hash: u64, values: &[V]) -> Result<M, Error> {
        // A retry opens and closes sockets, which are cancellation points.
        let _uncancelled = Uncancelled::new();
        exporters::retry();
        let mut children = self.children.write();
        if let Some(child) = children.find(hash, values) {
            return Ok(child.clone());
        }
        if self.is_full(&children) {
            drop(children);
            return self.overflow();
        }
        Ok(children.insert(hash, self.child(values)?))
    }

    /// Returns the label values of the overflow child, and their hash.
    fn overflow_values(&self) -> (u64, Vec<&'static str>) {
        let values = vec![OVERFLOW; self.label_count];
        (self.hash(&values), values)
    }

    /// Returns whether there is no room for another child. The overflow child does not count.
    fn is_full(&self, children: &Children<M>) -> bool {
        if children.len() < self.max_children {
            return false;
        }
        let (hash, values) = self.overflow_values();
        let overflow = usize::from(children.find(hash, &values).is_some());
        children.len() - overflow >= self.max_children
    }

    #[cold]
    fn overflow(&self) -> Result<M, Error> {
        LABEL_OVERFLOWS.add();
        if !self.logged_full.swap(true, Ordering::Relaxed) {
            notes::add(format!(
                "{} has max_children={} children: all further label values share one child, \
                 whose labels are {OVERFLOW}",
                self.desc.name(),
                self.max_children
            ));
            notes::deliver();
        }
        let (hash, values) = self.overflow_values();
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
        M::make(self.desc.for_child(values), &self.layout, &self.options)
    }
}

/// Returns the exemplars of all children, each with the place of its value among all of them. Each
/// child has `width` values.
fn exemplars<M: Metric>(children: &[M], width: usize) -> Vec<(usize, Arc<Exemplar>)> {
    if !exemplars::any() {
        return Vec::new();
    }
    let of_child = |(number, child): (usize, &M)| {
        let all = exemplars_of(child).into_iter();
        all.map(move |(at, exemplar)| (number * width + at, exemplar))
    };
    children.iter().enumerate().flat_map(of_child).collect()
}

impl<M: Metric> Collector for Family<M> {
    fn describe(&self) -> Vec<Desc> {
        vec![self.0.desc.clone()]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let list = self.0.children.read().list();
        let metrics = list.metrics.iter();
        let samples = if M::CHANGING_LABELS.is_some() {
            let mut samples = Vec::with_capacity(metrics.len());
            metrics.for_each(|metric| read_changing(metric, &mut samples));
            samples.into()
        } else {
            let layout = self.0.layout.clone();
            let mut values = Vec::with_capacity(metrics.len() * layout.width());
            M::read_many(metrics, &mut values);
            let exemplars = exemplars(&list.metrics, layout.width());
            Samples::for_children(samples::ChildValues { labels: list, layout, values, exemplars })
        };
        vec![MetricFamily::with_samples(self.0.desc.clone(), samples)]
    }

    fn describes_all(&self) -> bool {
        true
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        if !M::HAS_FUNCTIONS {
            return Some(Vec::new());
        }
        let list = self.0.children.read().list();
        Some(list.metrics.iter().filter_map(M::function).collect())
    }

    fn series(&self) -> usize {
        self.len() * self.0.layout.parts().len()
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl<M: Metric> Clone for Family<M> {
    fn clone(&self) -> Family<M> {
        Family(Arc::clone(&self.0))
    }
}

impl<M: Metric> fmt::Debug for Family<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family").field("desc", &self.0.desc).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
