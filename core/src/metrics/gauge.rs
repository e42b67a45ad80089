//! A gauge: it goes both ways, or is read from a callback when the registry is gathered.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::fork::section;
use crate::metrics::metric::{self, sealed};
use crate::metrics::opts::Opts;
use crate::model::desc::{Desc, Kind};
use crate::model::error::Error;
use crate::model::layout::Layout;
use crate::model::snapshot::Value;
use crate::registry::callback::{Call, Callback, Door};
use crate::sync::locks::{self, RwLock};
use crate::sync::{AtomicU64, Ordering};

/// A number that goes both ways, for any number of threads at once.
///
/// It is one atomic f64 that all threads share: a sum over threads could not be set. Clones are
/// the same gauge.
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
    bits: AtomicU64,
    /// Made with the first function, so that a gauge without one is read without a lock.
    callback: OnceLock<RwLock<Arc<Callback<f64>>>>,
}

impl Gauge {
    /// Makes a gauge at zero, in no registry yet.
    ///
    /// # Errors
    ///
    /// [`Error::MetricName`] if the name does not match `[a-zA-Z_:][a-zA-Z0-9_:]*`.
    pub fn new(name: &str, help: &str) -> Result<Gauge, Error> {
        Gauge::with_opts(Opts::new(name, help))
    }

    /// Makes a gauge with options.
    ///
    /// # Errors
    ///
    /// As [`Gauge::new`]; [`Error::MetricName`] also unless the name ends in `_` and the unit, if
    /// there is one; [`Error::Setting`] if `max_children` is set.
    pub fn with_opts(opts: Opts) -> Result<Gauge, Error> {
        metric::plain(opts)
    }

    /// Sets the value; any f64, NaN and infinities included. Lock-free.
    pub fn set(&self, value: f64) {
        self.0.bits.store(value.to_bits(), Ordering::Relaxed);
    }

    /// Adds 1. Lock-free.
    pub fn inc(&self) {
        self.inc_by(1.0);
    }

    /// Subtracts 1. Lock-free.
    pub fn dec(&self) {
        self.inc_by(-1.0);
    }

    /// Adds an amount, which may be negative. Lock-free.
    pub fn inc_by(&self, amount: f64) {
        let add = |bits| Some((f64::from_bits(bits) + amount).to_bits());
        // Always Ok: `add` never declines.
        let _ = self.0.bits.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Subtracts an amount, which may be negative. Lock-free.
    pub fn dec_by(&self, amount: f64) {
        self.inc_by(-amount);
    }

    /// Replaces the value by a function, called whenever the gauge is read. `set`, `inc` and `dec`
    /// then have no effect on what is exposed.
    ///
    /// `None` or a panic leaves the gauge out of that gather. The function is called with no lock
    /// of this crate held. It may use every metric, but must not read this gauge: that would not
    /// end.
    pub fn set_function(&self, callback: impl Fn() -> Option<f64> + Send + Sync + 'static) {
        self.set_callback(Callback::new(self.what(), callback));
    }

    /// Does what [`Gauge::set_function`] does, with a function behind a door.
    #[doc(hidden)]
    pub fn set_function_behind(
        &self,
        door: Door,
        callback: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        self.set_callback(Callback::behind(door, self.what(), callback));
    }

    fn what(&self) -> String {
        format!("the function of gauge {}", self.name())
    }

    fn set_callback(&self, callback: Arc<Callback<f64>>) {
        let new = || RwLock::new(Arc::clone(&callback));
        let current = locks::get_or_init(&self.0.callback, new);
        let before = std::mem::replace(&mut *current.write(), callback);
        // Dropped here, not under the lock: a drop may run the application's code.
        drop(before);
    }

    /// Returns the value as a scrape would see it: `None` only if a function failed.
    pub fn get(&self) -> Option<f64> {
        let Some(callback) = self.0.callback.get() else {
            return Some(f64::from_bits(self.0.bits.load(Ordering::Relaxed)));
        };
        // Called below, not under the lock.
        let callback = Arc::clone(&callback.read());
        callback.call()
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

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gauge").field("desc", &self.desc).finish_non_exhaustive()
    }
}

/// It has no cache: the function of a gauge may hold what must be dropped when the gauge is
/// removed.
impl sealed::Metric for Gauge {
    const KIND: Kind = Kind::Gauge;

    const HAS_FUNCTIONS: bool = true;

    type Options = ();

    fn function(&self) -> Option<Arc<dyn Call>> {
        let callback = self.0.callback.get()?;
        Some(Arc::clone(&callback.read()) as Arc<dyn Call>)
    }

    fn make(desc: Desc, _layout: &Layout, (): &()) -> Result<Gauge, Error> {
        section::install();
        let bits = AtomicU64::new(0.0_f64.to_bits());
        Ok(Gauge(Arc::new(State { desc, bits, callback: OnceLock::new() })))
    }

    fn desc(&self) -> &Desc {
        &self.0.desc
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    #[inline]
    fn read_one<R>(&self, take: impl FnOnce(&[Option<Value>]) -> R) -> R {
        take(&[self.get().map(Value::Float)])
    }
}
