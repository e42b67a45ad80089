//! The interface between metric types and the code that handles them: families, caches, encoders,
//! bindings.
//!
//! `docs/adding-a-metric.md` walks through a new type.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::count::segment::record::Wanted;
use crate::count::segment::record::{Family, Merge};
use crate::metrics::exemplars::{self, Exemplars};
use crate::metrics::opts::Opts;
use crate::metrics::recent::Recent;
use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::exemplar::Exemplar;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::layout::Layout;
use crate::model::sample::{self, Sample};
use crate::model::snapshot::MetricFamily;
use crate::model::stored;
use crate::model::value::Value;
use crate::registry::call::Call;
use crate::registry::collector::{Collector, Reading, Sink};

/// A metric type of this crate, such as [`Counter`](crate::Counter). Each can be registered, or be
/// the child of a [`Family`](crate::Family).
pub trait Metric: sealed::Metric {}

impl<M: sealed::Metric> Metric for M {}

pub(crate) mod sealed {
    use super::{
        Arc, Call, Desc, Error, Exemplars, Kind, Labels, Layout, Recent, SystemTime, Value, fmt,
    };

    /// Everything that a metric type declares.
    pub trait Metric: Clone + fmt::Debug + Send + Sync + 'static {
        /// The kind of its families.
        const KIND: Kind;

        /// The options of only this type, such as a histogram's buckets; `()` for none.
        type Options: Clone + Default + fmt::Debug + PartialEq + Send + Sync + 'static;

        /// Reads all labels of a metric whose labels may change. `None` for types whose labels
        /// never differ from the description; encoders keep the lines of these.
        const CHANGING_LABELS: Option<fn(&Self) -> Labels> = None;

        /// Checks the options and returns the layout of all metrics with these options.
        fn layout_for(_desc: &Desc, _options: &Self::Options) -> Result<Layout, Error> {
            Ok(Layout::SINGLE)
        }

        /// Whether a metric may have a function.
        const HAS_FUNCTIONS: bool = false;

        /// Returns the function of the application that reading the metric calls.
        fn function(&self) -> Option<Arc<dyn Call>> {
            None
        }

        /// Makes a metric at zero. `layout` is the result of [`Metric::layout_for`].
        fn make(desc: Desc, layout: &Layout, options: &Self::Options) -> Result<Self, Error>;

        /// Returns the description, with all labels that do not change.
        fn desc(&self) -> &Desc;

        /// Returns the layout that the metric was made with.
        #[inline]
        fn layout(&self) -> &Layout {
            &Layout::SINGLE
        }

        /// Returns the identity of the metric in a registry: the address of its state, which clones
        /// share.
        fn id(&self) -> usize;

        /// Calls `take` with the values of this metric, in the order of its layout. If a metric
        /// cannot be read now, such as a gauge whose function fails, all values are `None`.
        fn read_one<R>(&self, take: impl FnOnce(&[Option<Value>]) -> R) -> R;

        /// Returns when the values were zero; `None` for types whose values may go down.
        fn created(&self) -> Option<SystemTime> {
            None
        }

        /// Returns the exemplars of this metric; `None` for types that have none.
        fn exemplars(&self) -> Option<&Exemplars> {
            None
        }

        /// Appends the values of many metrics: all values of the first, all of the second, and so
        /// on. A type overrides this if it can read many metrics faster than one by one.
        fn read_many<'a>(
            metrics: impl ExactSizeIterator<Item = &'a Self>,
            values: &mut Vec<Option<Value>>,
        ) where
            Self: 'a,
        {
            metrics.for_each(|metric| metric.read_one(|own| values.extend_from_slice(own)));
        }

        /// Calls `use_it` with the calling thread's cache of children of this type.
        ///
        /// Returns `None` past the thread's teardown, and for types without a cache. Metrics of
        /// these types may own a function of the application, which a cache would keep alive after
        /// the child was removed.
        #[inline]
        fn with_recent<R>(_use_it: impl FnOnce(&Recent<Self>) -> R) -> Option<R> {
            None
        }

        /// Returns a handle of the same metric for a thread's cache, with a reference count that no
        /// other thread changes.
        fn with_own_refcount(&self) -> Self {
            self.clone()
        }
    }
}

/// Makes a metric without label names.
pub(crate) fn plain<M: Metric>(opts: Opts<M::Options>) -> Result<M, Error> {
    let (desc, options) = opts.for_plain(M::KIND)?;
    let layout = M::layout_for(&desc, &options)?;
    layout.check(&desc)?;
    M::make(desc, &layout, &options)
}

/// Returns the series of a metric in a segment.
pub(crate) fn wanted(desc: &Desc, layout: &Layout, words: usize, merge: Merge) -> Wanted {
    let definition = stored::definition(desc, layout);
    let family = Family { name: desc.name().to_owned(), definition };
    // A metric with more words than a block has is refused.
    let words = u32::try_from(words).unwrap_or(u32::MAX);
    let (labels, difference) = (stored::labels(desc.labels()), stored::difference);
    Wanted { family, labels, words, merge, difference }
}

fn reading<'a>(
    metric: &'a impl Metric,
    created: &'a dyn Fn() -> Option<SystemTime>,
    values: &'a [Option<Value>],
) -> Reading<'a> {
    Reading { desc: metric.desc(), layout: metric.layout(), created, values }
}

impl<M: Metric> Collector for M {
    fn describe(&self) -> Vec<Desc> {
        vec![self.desc().clone()]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = Vec::new();
        self.read(&mut families);
        families
    }

    fn read(&self, sink: &mut dyn Sink) {
        if M::CHANGING_LABELS.is_some() {
            let mut samples = Vec::new();
            read_changing(self, &mut samples);
            sink.family(MetricFamily::with_samples(self.desc().clone(), samples));
            return;
        }
        let created = || sealed::Metric::created(self);
        let exemplars = exemplars_of(self);
        if !exemplars.is_empty() {
            let mut family = self.read_one(|values| reading(self, &created, values).family());
            for (at, exemplar) in exemplars {
                if let Some(sample) = family.samples.get_mut(at) {
                    sample.exemplar = Some(exemplar);
                }
            }
            sink.family(family);
            return;
        }
        self.read_one(|values| {
            if values.iter().any(Option::is_some) {
                sink.metric(&reading(self, &created, values));
            }
        });
    }

    fn describes_all(&self) -> bool {
        true
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(self.function().into_iter().collect())
    }

    fn id(&self) -> usize {
        sealed::Metric::id(self)
    }
}

/// Returns the exemplars of a metric, each with the index of its value.
#[inline]
pub(crate) fn exemplars_of<M: Metric>(metric: &M) -> Vec<(usize, Arc<Exemplar>)> {
    match metric.exemplars() {
        Some(exemplars) if exemplars::any() => exemplars.all(),
        _ => Vec::new(),
    }
}

/// Appends the samples of a metric whose labels may change.
pub(crate) fn read_changing<M: Metric>(metric: &M, samples: &mut Vec<Sample>) {
    let labels = M::CHANGING_LABELS.map_or_else(Labels::default, |labels| labels(metric));
    let (parts, created) = (metric.layout().parts(), metric.created());
    metric.read_one(|values| sample::extend(samples, parts, &labels, created, values));
}

#[cfg(test)]
mod tests;
