//! A gauge: it goes up and down, or a callback computes it when the registry is gathered.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::count::segment::record::Merge;
use crate::count::segment::record::Wanted;
use crate::count::word::{self, Word};
use crate::fork::{exporters, section};
use crate::metrics::metric::{self, sealed};
use crate::metrics::opts::Opts;
use crate::model::desc::Desc;
use crate::model::error::Error;
use crate::model::kind::Kind;
use crate::model::layout::Layout;
use crate::model::merge::GaugeMerge;
use crate::model::value::Value;
use crate::registry::call::{Call, Door};
use crate::registry::callback::Callback;
use crate::registry::refreshed;
use crate::sync::locks::{self, RwLock};
use crate::sync::{AtomicU64, Ordering};

/// A number that goes up and down, for any number of threads at once.
///
/// It is one atomic f64 that all threads share, because a sum over threads could not be set. Clones
/// are the same gauge.
///
/// ```
/// use dataclay_metrics_core::Gauge;
///
/// let loaded = Gauge::new("loaded_objects", "Objects in memory")?;
/// loaded.set(3.0);
/// loaded.inc();
/// loaded.dec_by(0.5);
/// assert_eq!(loaded.get(), Some(3.5));
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Gauge(Arc<State>);

struct State {
    desc: Desc,
    /// The value in private memory, which a process without a segment uses.
    bits: AtomicU64,
    word: Word,
    merge: GaugeMerge,
    /// Made with the first function, so that a gauge without one is read without a lock.
    callback: OnceLock<RwLock<Arc<Callback<f64>>>>,
}

impl Gauge {
    /// Makes a gauge at zero, in no registry yet.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name is empty.
    pub fn new(name: &str, help: &str) -> Result<Gauge, Error> {
        Gauge::with_opts(Opts::new(name, help))
    }

    /// Makes a gauge with options.
    ///
    /// # Errors
    ///
    /// As [`Gauge::new`]; [`Error::MetricName`] also if there is a unit and the name does not end
    /// in `_` and the unit; [`Error::Setting`] if `max_children` is set.
    pub fn with_opts(opts: Opts<GaugeMerge>) -> Result<Gauge, Error> {
        metric::plain(opts)
    }

    /// Sets the value; any f64, NaN and infinities included. Lock-free.
    #[inline]
    pub fn set(&self, value: f64) {
        self.0.set(value);
    }

    /// Adds 1. Lock-free.
    #[inline]
    pub fn inc(&self) {
        self.inc_by(1.0);
    }

    /// Subtracts 1. Lock-free.
    #[inline]
    pub fn dec(&self) {
        self.inc_by(-1.0);
    }

    /// Adds an amount, which may be negative. Lock-free.
    #[inline]
    pub fn inc_by(&self, amount: f64) {
        let add = move |bits| Some((f64::from_bits(bits) + amount).to_bits());
        // Always Ok, because `add` never declines.
        self.0.update(move |bits| {
            let _ = bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        });
    }

    /// Subtracts an amount, which may be negative. Lock-free.
    #[inline]
    pub fn dec_by(&self, amount: f64) {
        self.inc_by(-amount);
    }

    /// Replaces the value by a function, called whenever the gauge is read. After that, `set`,
    /// `inc` and `dec` have no effect on what is exposed.
    ///
    /// If the function returns `None` or panics, that gather skips the gauge. This crate holds no
    /// lock during the call, so the function may use every metric. If it reads its own gauge, that
    /// read skips the gauge.
    pub fn set_function(&self, callback: impl Fn() -> Option<f64> + Send + Sync + 'static) {
        self.set_callback(None, callback);
    }

    /// Replaces the value by a function behind a door, like [`Gauge::set_function`].
    #[doc(hidden)]
    pub fn set_function_behind(
        &self,
        door: Door,
        callback: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        self.set_callback(Some(door), callback);
    }

    fn set_callback(
        &self,
        door: Option<Door>,
        function: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        // Weak, because the state owns the callback.
        let state = Arc::downgrade(&self.0);
        let kept = move || {
            let value = function();
            // This is for other processes. This process exposes the result of the function.
            if let Some((value, state)) = value.zip(state.upgrade()) {
                state.set(value);
            }
            value
        };
        let is_first = !refreshed::exist();
        let what = format!("the function of gauge {}", self.name());
        let callback = Callback::refreshed(door, what, kept);
        let new = || RwLock::new(Arc::clone(&callback));
        let current = locks::get_or_init(&self.0.callback, new);
        let before = std::mem::replace(&mut *current.write(), callback);
        // Dropped here, not under the lock, because the drop may run code of the application.
        drop(before);
        if is_first {
            exporters::wake();
        }
    }

    /// Returns the value that a scrape would expose. `None` only if a function failed.
    pub fn get(&self) -> Option<f64> {
        let Some(callback) = self.0.callback.get() else {
            return Some(self.0.own());
        };
        // Called below, not under the lock.
        let callback = Arc::clone(&callback.read());
        callback.call()
    }

    /// Returns the value, or `None` if the gauge has a function.
    #[doc(hidden)]
    pub fn get_without_function(&self) -> Option<f64> {
        self.0.callback.get().is_none().then(|| self.0.own())
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        self.0.desc.name()
    }

    /// Returns the description.
    pub fn desc(&self) -> &Desc {
        &self.0.desc
    }
}

impl Opts<GaugeMerge> {
    /// Sets how an exposition merges this gauge of processes that share a segment. The default is
    /// their sum.
    #[must_use]
    pub fn merge(mut self, merge: GaugeMerge) -> Opts<GaugeMerge> {
        self.own = merge;
        self
    }
}

impl State {
    #[inline]
    fn set(&self, value: f64) {
        self.update(move |bits| bits.store(value.to_bits(), Ordering::Relaxed));
    }

    /// Changes the value in private memory or in the segment of this process.
    #[inline]
    fn update(&self, change: impl FnOnce(&AtomicU64)) {
        if word::is_shared() { self.update_shared(change) } else { change(&self.bits) }
    }

    /// Not inlined, so that a change in private memory needs few registers and no stack.
    #[inline(never)]
    fn update_shared(&self, change: impl FnOnce(&AtomicU64)) {
        match self.word.get(|| self.wanted(), &self.bits, self.merge.number()) {
            Some([value, time]) => {
                change(value);
                if matches!(self.merge, GaugeMerge::MostRecent | GaugeMerge::MostRecentOfAll) {
                    time.store(word::now(), Ordering::Release);
                }
            }
            None => change(&self.bits),
        }
    }

    /// Returns the value of this process.
    #[inline]
    fn own(&self) -> f64 {
        let bits = match self.word.get_resolved() {
            Some([value, _]) => value,
            None => &self.bits,
        };
        f64::from_bits(bits.load(Ordering::Relaxed))
    }

    /// Returns the merged value of all processes. `None` if a collector exposes the gauge with
    /// those of other processes.
    fn merged(&self) -> Option<f64> {
        let (own, how) = (|| Some(self.own()), self.merge.number());
        if !word::is_shared() || self.word.get(|| self.wanted(), &self.bits, how).is_none() {
            return own();
        }
        if word::is_each(how) {
            return None;
        }
        let merged = self.word.merged(how);
        if merged.is_none() && word::is_leaving() { None } else { merged.or_else(own) }
    }

    fn wanted(&self) -> Wanted {
        let how = self.merge.number();
        let words = if word::has_past(how) { 2 } else { 1 };
        metric::wanted(&self.desc, &Layout::SINGLE, words, Merge::Gauge(how))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauge").field("desc", &self.desc).finish_non_exhaustive()
    }
}

/// Gauges have no cache, because the function of a gauge may own objects that must be dropped when
/// the gauge is removed.
impl sealed::Metric for Gauge {
    const KIND: Kind = Kind::Gauge;

    const HAS_FUNCTIONS: bool = true;

    type Options = GaugeMerge;

    fn function(&self) -> Option<Arc<dyn Call>> {
        let callback = self.0.callback.get()?;
        Some(Arc::clone(&callback.read()) as Arc<dyn Call>)
    }

    fn make(desc: Desc, _layout: &Layout, merge: &GaugeMerge) -> Result<Gauge, Error> {
        section::install();
        let bits = AtomicU64::new(0.0_f64.to_bits());
        let (word, callback) = (Word::new(), OnceLock::new());
        Ok(Gauge(Arc::new(State { desc, bits, word, merge: *merge, callback })))
    }

    fn desc(&self) -> &Desc {
        &self.0.desc
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    #[inline]
    fn read_one<R>(&self, take: impl FnOnce(&[Option<Value>]) -> R) -> R {
        // A value that the function returned is already set for all processes.
        if word::is_shared() && self.0.callback.get().is_some() && self.get().is_none() {
            return take(&[None]);
        }
        let value = if word::is_shared() { self.0.merged() } else { self.get() };
        take(&[value.map(Value::Float)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::segment::gauges::{EACH, ENDED, LAST, MAX, MIN, SUM};

    #[test]
    fn merge_modes_have_the_numbers_that_segments_store() {
        use GaugeMerge::{
            Each, EachOfAll, Max, MaxOfAll, Min, MinOfAll, MostRecent, MostRecentOfAll, Sum,
            SumOfAll,
        };
        assert_eq!(
            [Sum, Min, Max, MostRecent, Each].map(GaugeMerge::number),
            [SUM, MIN, MAX, LAST, EACH]
        );
        let of_all = [SumOfAll, MinOfAll, MaxOfAll, MostRecentOfAll, EachOfAll];
        let numbers = [SUM, MIN, MAX, LAST, EACH].map(|number| number | ENDED);
        assert_eq!(of_all.map(GaugeMerge::number), numbers);
    }
}
