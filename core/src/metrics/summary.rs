//! A summary: how many numbers were observed, and their sum.

use std::sync::Arc;
use std::time::SystemTime;

use crate::count::cells::{self, Cells, Handle, InCells};
use crate::count::segment::record::Merge;
use crate::count::segment::record::Wanted;
use crate::fork::section;
use crate::metrics::metric::{self, sealed};
use crate::metrics::opts::Opts;
use crate::metrics::owned::Owned;
use crate::metrics::recent::Recent;
use crate::metrics::timer::{Observe, Timer};
use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::kind::Kind;
use crate::model::layout::{Layout, Part};
use crate::model::time;
use crate::model::value::{self, Value};

/// The count and the sum of numbers such as durations, for any number of threads at once. It has no
/// quantiles.
///
/// Clones are the same summary. Count and sum of one exposition come from the same observations.
/// Negative numbers and NaN have the same effect as in a [`Histogram`](crate::Histogram).
///
/// ```
/// use dataclay_metrics_core::Summary;
///
/// let sizes = Summary::new("response_bytes", "Size of responses")?;
/// sizes.observe(100.0);
/// sizes.observe_n(50.0, 2);
/// assert_eq!((sizes.count(), sizes.sum()), (3, 200.0));
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Summary {
    /// Stored inline so that `observe` dereferences no pointer.
    cell: Handle,
    owned: Arc<Owned<State, Cells>>,
}

impl Clone for Summary {
    #[inline]
    fn clone(&self) -> Summary {
        let cell = self.cell.clone_with(|| InCells::cells(self));
        Summary { cell, owned: Arc::clone(&self.owned) }
    }
}

#[derive(Clone, Debug)]
struct State {
    desc: Desc,
    layout: Layout,
}

impl Summary {
    /// Makes an empty summary, in no registry yet.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name is empty;
    /// [`Error::TooManyCounters`] if the process has no room for its words.
    pub fn new(name: &str, help: &str) -> Result<Summary, Error> {
        Summary::with_opts(Opts::new(name, help))
    }

    /// Makes an empty summary with options.
    ///
    /// # Errors
    ///
    /// As [`Summary::new`]. [`Error::MetricName`] also if there is a unit and the name does not end
    /// in `_` and the unit. [`Error::Label`] if a constant label is named `quantile`.
    /// [`Error::Setting`] if `max_children` is set.
    pub fn with_opts(opts: Opts) -> Result<Summary, Error> {
        metric::plain(opts)
    }

    /// Counts a number and adds it to the sum. Takes no lock, never blocks, never panics.
    /// [`Counter::inc`](crate::Counter::inc) describes when it requests memory, and
    /// signal handlers.
    #[inline]
    pub fn observe(&self, number: f64) {
        cells::observe(self, 0, 1, number);
    }

    /// Counts a number `times` times, which adds their product to the sum.
    #[inline]
    pub fn observe_n(&self, number: f64, times: u64) {
        if times > 0 {
            cells::observe(self, 0, times, number * times as f64);
        }
    }

    /// Starts a timer. When it is dropped or stopped, it observes the seconds since its start.
    pub fn start_timer(&self) -> Timer<Summary> {
        Timer::start(self.clone())
    }

    /// Returns how many numbers were observed.
    pub fn count(&self) -> u64 {
        self.read().0
    }

    /// Returns the sum of all numbers that were observed. It is complete once the observing threads
    /// are joined. Each thread sums in an f64, so the last digits depend on which thread observed
    /// which number.
    pub fn sum(&self) -> f64 {
        self.read().1
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        self.desc().name()
    }

    /// Returns the description.
    pub fn desc(&self) -> &Desc {
        &self.owned.desc
    }

    fn read(&self) -> (u64, f64) {
        let mut cell = [(0, 0.0)];
        cells::own(self, &mut cell);
        cell[0]
    }
}

impl Observe for Summary {
    fn observe(&self, seconds: f64) {
        Summary::observe(self, seconds);
    }
}

impl InCells for Summary {
    #[inline]
    fn handle(&self) -> &Handle {
        &self.cell
    }

    fn cells(&self) -> &Cells {
        self.owned.owner()
    }

    fn wanted(&self) -> Wanted {
        metric::wanted(self.desc(), &self.owned.layout, 2, Merge::Count)
    }
}

thread_local!(static RECENT: Recent<Summary> = const { Recent::new() });

impl sealed::Metric for Summary {
    const KIND: Kind = Kind::Summary;

    type Options = ();

    fn layout_for(_: &Desc, (): &()) -> Result<Layout, Error> {
        let part = |suffix| Part { suffix, label: None };
        Ok(Layout::new(["_count", "_sum"].map(part)))
    }

    fn make(desc: Desc, layout: &Layout, (): &()) -> Result<Summary, Error> {
        section::install();
        let keeps = Cells::new(1).ok_or(Error::TooManyCounters)?;
        let state = State { desc, layout: layout.clone() };
        Ok(Summary { cell: keeps.handle(), owned: Owned::new(state, keeps) })
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
        let mut values = [None; 2];
        let one = std::iter::once(self);
        cells::exposed_many(one, 1, |cell| values = value::count_and_sum(cell[0]));
        take(&values)
    }

    fn read_many<'a>(
        summaries: impl ExactSizeIterator<Item = &'a Summary>,
        all: &mut Vec<Option<Value>>,
    ) {
        cells::exposed_many(summaries, 1, |cell| all.extend(value::count_and_sum(cell[0])));
    }

    fn created(&self) -> Option<SystemTime> {
        time::from_millis(self.cells().created())
    }

    #[inline]
    fn with_recent<R>(use_it: impl FnOnce(&Recent<Summary>) -> R) -> Option<R> {
        RECENT.try_with(use_it).ok()
    }

    fn with_own_refcount(&self) -> Summary {
        let cell = self.cell.clone_with(|| InCells::cells(self));
        Summary { cell, owned: self.owned.with_own_refcount() }
    }
}
