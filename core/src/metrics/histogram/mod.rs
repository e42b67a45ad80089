//! A histogram: how often a number fell in each bucket, and the sum of all numbers.

use std::sync::Arc;
use std::time::SystemTime;

use crate::count::cells::{self, Cells, Handle, InCells};
use crate::count::segment::record::Merge;
use crate::count::segment::record::Wanted;
use crate::fork::section;
use crate::metrics::buckets::Buckets;
use crate::metrics::exemplars::{self, Exemplars, WithExemplars};
use crate::metrics::index::Index;
use crate::metrics::metric::{self, sealed};
use crate::metrics::opts::Opts;
use crate::metrics::owned::Owned;
use crate::metrics::recent::Recent;
use crate::metrics::timer::{Observe, Timer};
use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::layout::{Layout, Part, PartLabel};
use crate::model::native::{Native, NativeBuckets, NativeHistogram};
use crate::model::time;
use crate::model::value::{self, Value};

/// Numbers such as durations or sizes, counted in buckets, by any number of threads at once.
///
/// Clones are the same histogram. Each thread has a pair for each bucket: a count and a sum. No
/// other thread writes to the pair, and both are written at once. So `_count`, `_sum` and the
/// buckets of one exposition come from the same observations, and `+Inf` equals `_count`. No reader
/// sees a bucket or the count go down. A pair takes 16 bytes in each thread that observes, so the
/// default buckets take 240.
///
/// With [`NativeBuckets`], it also has native buckets, for the same observations.
///
/// Any number can be observed. A negative number makes `_sum` smaller. Without negative numbers, no
/// reader sees the sum go down. NaN is counted in `+Inf`, and after it the sum stays NaN, as in
/// `client_golang`. If the first bound is negative, OpenMetrics has neither `_sum` nor `_count`,
/// because it forbids a sum that may go down.
///
/// ```
/// use dataclay_metrics_core::{Buckets, Family, Histogram, Opts, Registry, encode::Format};
///
/// let seconds = Opts::new("request_seconds", "Time of a request").unit("seconds");
/// let seconds = seconds.buckets(Buckets::new([0.1, 0.5])?);
/// let seconds = Family::<Histogram>::with_opts(seconds, ["method"])?;
/// let registry = Registry::new();
/// registry.register(&seconds)?;
///
/// let get = seconds.with_labels(["get"])?; // held where it is observed often
/// get.observe(0.0625);
/// get.observe_n(0.75, 3);
/// assert!(registry.encode(Format::Text).ends_with(
///     "request_seconds_bucket{method=\"get\",le=\"0.1\"} 1\n\
///      request_seconds_bucket{method=\"get\",le=\"0.5\"} 1\n\
///      request_seconds_bucket{method=\"get\",le=\"+Inf\"} 4\n\
///      request_seconds_count{method=\"get\"} 4\n\
///      request_seconds_sum{method=\"get\"} 2.3125\n"
/// ));
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Histogram {
    /// Stored inline so that `observe` dereferences one pointer less.
    cells: Handle,
    owned: Arc<Owned<State, WithExemplars<Cells>>>,
}

impl Clone for Histogram {
    #[inline]
    fn clone(&self) -> Histogram {
        let cells = self.cells.clone_with(|| InCells::cells(self));
        Histogram { cells, owned: Arc::clone(&self.owned) }
    }
}

#[derive(Clone, Debug)]
struct State {
    buckets: Buckets,
    /// Finds the cell of a number. A cell is a bucket, or a part of a bucket if the histogram has
    /// native buckets.
    index: Index,
    desc: Desc,
    layout: Layout,
}

/// The options of only a histogram: its buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramOptions {
    buckets: Buckets,
    native: Option<NativeBuckets>,
}

impl Opts<HistogramOptions> {
    /// Sets the buckets. The default is the one of all Prometheus libraries, chosen for seconds.
    #[must_use]
    pub fn buckets(mut self, buckets: Buckets) -> Opts<HistogramOptions> {
        self.own.buckets = buckets;
        self
    }

    /// Adds native buckets, which Prometheus accepts in its protobuf format. The default is none.
    #[must_use]
    pub fn native_buckets(mut self, native: NativeBuckets) -> Opts<HistogramOptions> {
        self.own.native = Some(native);
        self
    }
}

impl Histogram {
    /// Makes an empty histogram with the default buckets, in no registry yet.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name is empty;
    /// [`Error::TooManyCounters`] if the process has no room for its words.
    pub fn new(name: &str, help: &str) -> Result<Histogram, Error> {
        Histogram::with_opts(Opts::new(name, help))
    }

    /// Makes an empty histogram with options.
    ///
    /// # Errors
    ///
    /// As [`Histogram::new`]. [`Error::MetricName`] also if there is a unit and the name does not
    /// end in `_` and the unit. [`Error::Label`] if a constant label is named `le`.
    /// [`Error::Setting`] if `max_children` is set.
    pub fn with_opts(opts: Opts<HistogramOptions>) -> Result<Histogram, Error> {
        metric::plain(opts)
    }

    /// Counts a number in its bucket. Takes no lock, never blocks, never panics.
    /// [`Counter::inc`](crate::Counter::inc) describes when it requests memory, and
    /// signal handlers.
    #[inline]
    pub fn observe(&self, number: f64) {
        cells::observe(self, self.owned.index.find(number), 1, number);
    }

    /// Counts a number `times` times, which adds their product to the sum.
    #[inline]
    pub fn observe_n(&self, number: f64, times: u64) {
        if times > 0 {
            cells::observe(self, self.owned.index.find(number), times, number * times as f64);
        }
    }

    /// Counts a number, and keeps the labels of this event, such as `trace_id`. OpenMetrics exposes
    /// the labels of the last such event of each bucket. Unlike `observe`, this takes a lock.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if names and values of the labels have more than 128 characters together.
    /// Nothing is counted then.
    pub fn observe_with_exemplar(&self, number: f64, labels: Labels) -> Result<(), Error> {
        let exemplar = exemplars::now(labels, number)?;
        let cell = self.owned.index.find(number);
        cells::observe(self, cell, 1, number);
        let native = self.owned.layout.native();
        let bucket = native.map_or(cell, |native| native.cells()[cell].explicit);
        self.owned.owner().exemplars.set(bucket, exemplar);
        Ok(())
    }

    /// Starts a timer. When it is dropped or stopped, it observes the seconds since its start.
    pub fn start_timer(&self) -> Timer<Histogram> {
        Timer::start(self.clone())
    }

    /// Returns how many numbers were observed. It is exact once the observing threads are joined,
    /// and never smaller than in an earlier read of the same reader.
    pub fn count(&self) -> u64 {
        self.read(|cells| cells.iter().fold(0_u64, |all, cell| all.saturating_add(cell.0)))
    }

    /// Returns the sum of all numbers that were observed. It is complete once the observing threads
    /// are joined. Each thread sums in an f64, so the last digits depend on which thread observed
    /// which number.
    pub fn sum(&self) -> f64 {
        self.read(|cells| cells.iter().map(|cell| cell.1).sum())
    }

    /// Returns the native histogram of the observations in this process. `None` if the histogram
    /// has no native buckets.
    pub fn native(&self) -> Option<NativeHistogram> {
        let layout = &self.owned.layout;
        layout.native()?;
        let mut values = Vec::new();
        self.read(|cells| value::push_values(layout, cells, &mut values));
        value::native_histogram(layout, &values)
    }

    /// Returns the explicit buckets.
    pub fn buckets(&self) -> &Buckets {
        &self.owned.buckets
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        self.desc().name()
    }

    /// Returns the description.
    pub fn desc(&self) -> &Desc {
        &self.owned.desc
    }

    /// Calls `take` with the count and the sum of each cell, as counted by this process.
    fn read<R>(&self, take: impl FnOnce(&[(u64, f64)]) -> R) -> R {
        /// The number of cells that are read without an allocation.
        const FEW: usize = 64;
        let (mut few, mut many);
        let cells = match self.owned.layout.cells() {
            len @ ..=FEW => {
                few = [(0, 0.0); FEW];
                &mut few[..len]
            }
            len => {
                many = vec![(0, 0.0); len];
                &mut many[..]
            }
        };
        cells::own(self, cells);
        take(cells)
    }
}

impl Observe for Histogram {
    fn observe(&self, seconds: f64) {
        Histogram::observe(self, seconds);
    }
}

impl InCells for Histogram {
    #[inline]
    fn handle(&self) -> &Handle {
        &self.cells
    }

    fn cells(&self) -> &Cells {
        &self.owned.owner().words
    }

    fn wanted(&self) -> Wanted {
        let words = 2 * self.owned.layout.cells();
        metric::wanted(self.desc(), &self.owned.layout, words, Merge::Count)
    }
}

thread_local!(static RECENT: Recent<Histogram> = const { Recent::new() });

impl sealed::Metric for Histogram {
    const KIND: Kind = Kind::Histogram;

    type Options = HistogramOptions;

    fn layout_for(_: &Desc, options: &HistogramOptions) -> Result<Layout, Error> {
        let bucket =
            |bound: &f64| Part { suffix: "_bucket", label: Some(PartLabel::Number("le", *bound)) };
        let all = ["_count", "_sum"].map(|suffix| Part { suffix, label: None });
        let uppers = options.buckets.uppers();
        let layout = Layout::new(uppers.iter().map(bucket).chain(all));
        let native = options.native.as_ref().map(|native| Native::new(native.clone(), uppers));
        Ok(native.into_iter().fold(layout, Layout::with_native))
    }

    fn make(desc: Desc, layout: &Layout, options: &HistogramOptions) -> Result<Histogram, Error> {
        section::install();
        let buckets = options.buckets.clone();
        let index = match layout.native() {
            None => buckets.index().clone(),
            Some(native) => Index::new(native.uppers(), true),
        };
        let keeps = Cells::new(layout.cells()).ok_or(Error::TooManyCounters)?;
        let state = State { buckets, index, desc, layout: layout.clone() };
        Ok(Histogram { cells: keeps.handle(), owned: Owned::new(state, WithExemplars::new(keeps)) })
    }

    fn desc(&self) -> &Desc {
        &self.owned.desc
    }

    fn layout(&self) -> &Layout {
        &self.owned.layout
    }

    fn id(&self) -> usize {
        self.owned.id()
    }

    fn read_one<R>(&self, take: impl FnOnce(&[Option<Value>]) -> R) -> R {
        let layout = &self.owned.layout;
        let mut values = Vec::with_capacity(layout.width());
        let one = std::iter::once(self);
        cells::exposed_many(one, layout.cells(), |cells| {
            value::push_values(layout, cells, &mut values);
        });
        take(&values)
    }

    fn read_many<'a>(
        mut histograms: impl ExactSizeIterator<Item = &'a Histogram>,
        values: &mut Vec<Option<Value>>,
    ) {
        let Some(first) = histograms.next() else { return };
        // All children of a family have the same layout.
        let layout = &first.owned.layout;
        let all = std::iter::once(first).chain(histograms);
        cells::exposed_many(all, layout.cells(), |cells| {
            value::push_values(layout, cells, values);
        });
    }

    fn created(&self) -> Option<SystemTime> {
        time::from_millis(self.cells().created())
    }

    fn exemplars(&self) -> Option<&Exemplars> {
        Some(&self.owned.owner().exemplars)
    }

    #[inline]
    fn with_recent<R>(use_it: impl FnOnce(&Recent<Histogram>) -> R) -> Option<R> {
        RECENT.try_with(use_it).ok()
    }

    fn with_own_refcount(&self) -> Histogram {
        let cells = self.cells.clone_with(|| InCells::cells(self));
        Histogram { cells, owned: self.owned.with_own_refcount() }
    }
}

#[cfg(test)]
mod tests;
