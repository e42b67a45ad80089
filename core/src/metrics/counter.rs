//! A counter: it only goes up.

use std::sync::Arc;
use std::time::SystemTime;

use crate::count::read::{self, Summed};
use crate::count::segment::record::Merge;
use crate::count::segment::record::Wanted;
use crate::count::sum::{Handle, Sum};
use crate::fork::section;
use crate::metrics::exemplars::{self, Exemplars, WithExemplars};
use crate::metrics::metric::{self, sealed};
use crate::metrics::opts::Opts;
use crate::metrics::owned::Owned;
use crate::metrics::recent::Recent;
use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::layout::Layout;
use crate::model::time;
use crate::model::value::Value;
use crate::sync::uncancelled::rarely;

/// A number that only goes up, for any number of threads at once.
///
/// Clones are the same counter. Each thread counts in a word that no other thread writes, so
/// threads that count at the same time do not slow each other down.
///
/// ```
/// use dataclay_metrics_core::Counter;
///
/// let hits = Counter::new("cache_hits", "Lookups that found their object")?;
/// hits.inc();
/// hits.inc_by(41);
/// assert_eq!(hits.get(), 42);
/// assert_eq!(hits.name(), "cache_hits_total");
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Counter {
    /// Stored inline so that `inc` dereferences no pointer.
    count: Handle,
    owned: Arc<Owned<State, WithExemplars<Sum>>>,
}

impl Clone for Counter {
    #[inline]
    fn clone(&self) -> Counter {
        let count = self.count.clone_with(|| self.sum());
        Counter { count, owned: Arc::clone(&self.owned) }
    }
}

/// The description, which all clones share.
#[derive(Clone, Debug)]
struct State {
    desc: Desc,
}

impl Counter {
    /// Makes a counter at zero, in no registry yet. `_total` is appended to the name if it is
    /// missing.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name is empty or `_total`;
    /// [`Error::TooManyCounters`] if 2^26 counters are alive.
    pub fn new(name: &str, help: &str) -> Result<Counter, Error> {
        Counter::with_opts(Opts::new(name, help))
    }

    /// Makes a counter with options.
    ///
    /// # Errors
    ///
    /// As [`Counter::new`]; [`Error::MetricName`] also if there is a unit and the name does not end
    /// in `_` and the unit; [`Error::Setting`] if `max_children` is set.
    pub fn with_opts(opts: Opts) -> Result<Counter, Error> {
        metric::plain(opts)
    }

    /// Adds 1. Takes no lock, never blocks, never panics.
    ///
    /// The increment that claims the thread's block may request memory from the system. It is
    /// usually the thread's first. If other threads are claiming blocks or making counters at that
    /// time, it is a later one. Until then the thread counts in the shared block.
    ///
    /// Do not count in a signal handler. The handler's increment is lost if the signal interrupts
    /// an increment of the same counter between its load and its store. It may also request
    /// memory, which a handler must not do. Set a flag in the handler, and count outside of it.
    #[inline]
    pub fn inc(&self) {
        if !self.count.increment() {
            self.add_first(1);
        }
    }

    /// Adds a whole amount. The sum of whole amounts saturates at 2^64 - 1.
    #[inline]
    pub fn inc_by(&self, amount: u64) {
        if !self.count.add(amount) {
            self.add_first(amount);
        }
    }

    /// Adds an amount that may have a fraction. Whole amounts below 2^64 are counted exactly, as by
    /// [`Counter::inc_by`]. Other amounts are summed in one f64 per thread.
    ///
    /// # Errors
    ///
    /// [`Error::Amount`] if the amount is negative, infinite or not a number; nothing is counted.
    #[inline(always)] // This is inlined, because the result of a call would go through memory.
    pub fn inc_by_f64(&self, amount: f64) -> Result<(), Error> {
        /// 2^63: below it, one instruction converts an f64 to an integer.
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        if !(0.0..LIMIT).contains(&amount) {
            return self.inc_by_unusual(amount);
        }
        #[expect(clippy::cast_possible_truncation)]
        let whole = amount as i64;
        #[expect(clippy::float_cmp, reason = "whole if nothing was cut off")]
        if whole as f64 == amount {
            self.inc_by(whole.unsigned_abs());
        } else {
            self.add_fraction(amount);
        }
        Ok(())
    }

    /// Adds an amount as [`Counter::inc_by_f64`] does, and keeps the labels of this event, such as
    /// `trace_id`. OpenMetrics exposes the labels of the last such event. Unlike all other
    /// increments, this takes a lock.
    ///
    /// ```
    /// use dataclay_metrics_core::{Counter, Labels, Registry, encode::Format};
    ///
    /// let hits = Counter::new("hits", "Lookups that hit")?;
    /// hits.inc_by_with_exemplar(1.0, Labels::new([("trace_id", "7b")])?)?;
    /// let registry = Registry::new();
    /// registry.register(&hits)?;
    /// let text = registry.encode(Format::OpenMetrics);
    /// assert!(text.contains("\nhits_total 1 # {trace_id=\"7b\"} 1 "), "{text}");
    /// # Ok::<(), dataclay_metrics_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Counter::inc_by_f64`]; [`Error::Setting`] if names and values of the labels have more
    /// than 128 characters together. Nothing is counted then.
    pub fn inc_by_with_exemplar(&self, amount: f64, labels: Labels) -> Result<(), Error> {
        let exemplar = exemplars::now(labels, amount)?;
        self.inc_by_f64(amount)?;
        self.owned.owner().exemplars.set(0, exemplar);
        Ok(())
    }

    #[inline]
    fn add_fraction(&self, amount: f64) {
        if !self.count.add_fraction(amount) {
            self.add_first_fraction(amount);
        }
    }

    #[cold]
    #[inline(never)]
    extern "C" fn add_first(&self, amount: u64) {
        rarely(|| self.sum().add_first(&self.count, amount, &|| self.wanted()));
    }

    #[cold]
    #[inline(never)]
    extern "C" fn add_first_fraction(&self, amount: f64) {
        rarely(|| self.sum().add_first_fraction(&self.count, amount, &|| self.wanted()));
    }

    #[cold]
    fn inc_by_unusual(&self, amount: f64) -> Result<(), Error> {
        /// 2^64: the first f64 that is too large for a u64.
        const LIMIT: f64 = 18_446_744_073_709_551_616.0;
        if !(amount >= 0.0 && amount.is_finite()) {
            let rule = "a counter only goes up: an amount must be finite and not negative";
            return Err(Error::Amount { value: amount.to_string(), rule });
        }
        if amount < LIMIT {
            // All f64s of this size are whole.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            self.inc_by(amount as u64);
        } else {
            self.add_fraction(amount);
        }
        Ok(())
    }

    /// Returns [`Counter::value`] without its fraction. It is exact even beyond 2^53.
    pub fn get(&self) -> u64 {
        let (whole, fractions) = read::own(self);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        whole.saturating_add(fractions as u64)
    }

    /// Returns the sum over all threads. It is exact once the counting threads were joined, and
    /// never smaller than in an earlier read of the same reader, unless [`Counter::reset`] was
    /// called. It is not a snapshot of one point in time: an increment during the read may or may
    /// not be included.
    ///
    /// From 2^53 on, where an f64 cannot represent a fraction, it is an integer without the
    /// fraction.
    pub fn value(&self) -> Value {
        let (whole, fractions) = read::own(self);
        Value::count(whole, fractions)
    }

    /// Sets the counter to zero, with a new start time. Prometheus treats that as a restart. After
    /// it, reads of all threads begin at zero. A concurrent increment of another thread counts
    /// either before the reset or after it.
    ///
    /// ```
    /// let jobs = dataclay_metrics_core::Counter::new("jobs", "Jobs of this batch")?;
    /// jobs.inc_by(3);
    /// jobs.reset()?;
    /// jobs.inc();
    /// assert_eq!(jobs.get(), 1);
    /// # Ok::<(), dataclay_metrics_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if the process counts in a segment, because other processes count in the
    /// same series.
    pub fn reset(&self) -> Result<(), Error> {
        if self.sum().reset() {
            return Ok(());
        }
        let rule = "must count in its own process: a counter in a segment cannot be reset".into();
        Err(Error::Setting { name: "counter".into(), value: self.name().into(), rule })
    }

    /// Returns the time when the series was zero, to the millisecond. This is when the counter was
    /// made or reset, or when the process was forked. In a segment it is when the first process of
    /// the series counted. `None` if the segment is damaged.
    pub fn created(&self) -> Option<SystemTime> {
        time::from_millis(self.sum().created())
    }

    /// Returns the name, with `_total`.
    pub fn name(&self) -> &str {
        self.desc().name()
    }

    /// Returns the description.
    pub fn desc(&self) -> &Desc {
        &self.owned.desc
    }
}

impl Summed for Counter {
    #[inline]
    fn handle(&self) -> &Handle {
        &self.count
    }

    fn sum(&self) -> &Sum {
        &self.owned.owner().words
    }

    fn wanted(&self) -> Wanted {
        metric::wanted(self.desc(), &Layout::SINGLE, 1, Merge::Count)
    }
}

thread_local!(static RECENT: Recent<Counter> = const { Recent::new() });

impl sealed::Metric for Counter {
    const KIND: Kind = Kind::Counter;

    type Options = ();

    fn make(desc: Desc, _layout: &Layout, (): &()) -> Result<Counter, Error> {
        section::install();
        let keeps = Sum::new().ok_or(Error::TooManyCounters)?;
        Ok(Counter {
            count: keeps.handle(),
            owned: Owned::new(State { desc }, WithExemplars::new(keeps)),
        })
    }

    fn desc(&self) -> &Desc {
        &self.owned.desc
    }

    fn id(&self) -> usize {
        self.owned.id()
    }

    #[inline]
    fn read_one<R>(&self, take: impl FnOnce(&[Option<Value>]) -> R) -> R {
        let (whole, fractions) = read::exposed(self);
        take(&[Some(Value::count(whole, fractions))])
    }

    fn read_many<'a>(
        counters: impl ExactSizeIterator<Item = &'a Counter>,
        values: &mut Vec<Option<Value>>,
    ) {
        let value = |&(whole, fractions): &(u64, f64)| Some(Value::count(whole, fractions));
        read::exposed_many(counters, |sums| values.extend(sums.iter().map(value)));
    }

    fn created(&self) -> Option<SystemTime> {
        Counter::created(self)
    }

    fn exemplars(&self) -> Option<&Exemplars> {
        Some(&self.owned.owner().exemplars)
    }

    #[inline]
    fn with_recent<R>(use_it: impl FnOnce(&Recent<Counter>) -> R) -> Option<R> {
        RECENT.try_with(use_it).ok()
    }

    fn with_own_refcount(&self) -> Counter {
        let count = self.count.clone_with(|| self.sum());
        Counter { count, owned: self.owned.with_own_refcount() }
    }
}
