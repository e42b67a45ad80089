//! `Gauge` for Python.

use std::time::{SystemTime, UNIX_EPOCH};

use dataclay_metrics_core::{self as core, GaugeMerge, Kind, Opts};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::interpreter::attach::enter;
use crate::interpreter::callback::Callback;
use crate::interpreter::{guarded, interrupts};
use crate::metrics::class::metric_class;
use crate::metrics::context_managers;
use crate::metrics::metric::{Metric, braced};
use crate::registry::arguments;
use crate::registry::definition::{Definition, OwnOptions};

/// A value that increases and decreases, or the value of a function.
///
/// The exposed name is namespace, subsystem, name and unit, joined by `_`. A gauge with
/// `labelnames` only holds children, one for each set of label values: see `labels()`. It holds at
/// most `max_children` children, by default 10,000. All further label sets share one child whose
/// labels are `__overflow__`.
///
/// `registry=None` registers nowhere. `multiprocess_mode` sets how an exposition merges the gauges
/// of processes that count together. Modes that begin with `live` include only running processes,
/// the others also ended ones. With `all`, each value has a label `pid`. The value of an ended
/// process stays until another process replaces it.
///
/// All methods may be called from any thread. Raises `ValueError` if a name is not valid, or if
/// another metric of the registry has it; also for `max_children` without `labelnames`.
#[pyclass(frozen, subclass, module = "dataclay_metrics")]
pub(crate) struct Gauge(pub(crate) Metric<Gauge>);

/// The values of `multiprocess_mode`, as in `prometheus_client`.
const MODES: [(&str, GaugeMerge); 10] = [
    ("all", GaugeMerge::EachOfAll),
    ("liveall", GaugeMerge::Each),
    ("min", GaugeMerge::MinOfAll),
    ("livemin", GaugeMerge::Min),
    ("max", GaugeMerge::MaxOfAll),
    ("livemax", GaugeMerge::Max),
    ("sum", GaugeMerge::SumOfAll),
    ("livesum", GaugeMerge::Sum),
    ("mostrecent", GaugeMerge::MostRecentOfAll),
    ("livemostrecent", GaugeMerge::MostRecent),
];

impl OwnOptions for GaugeMerge {
    fn set(opts: Opts<GaugeMerge>, definition: &Definition) -> Opts<GaugeMerge> {
        opts.merge(definition.multiprocess_mode)
    }
}

/// Returns the value, or what the function returns; NaN if that fails.
fn value(py: Python<'_>, gauge: &core::Gauge) -> PyResult<f64> {
    if let Some(value) = gauge.get_without_function() {
        return Ok(value);
    }
    // Detached, because the function attaches itself.
    Ok(interrupts::detached(py, || gauge.get())?.unwrap_or(f64::NAN))
}

/// Reads the argument `multiprocess_mode`.
fn mode(argument: &Bound<'_, PyAny>) -> PyResult<GaugeMerge> {
    let name = arguments::multiprocess_mode(argument)?;
    let found = MODES.iter().find(|(mode, _)| *mode == name);
    found.map(|(_, merge)| *merge).ok_or_else(|| {
        let modes = MODES.map(|(mode, _)| mode);
        PyValueError::new_err(format!("multiprocess_mode {name:?}: must be one of {modes:?}"))
    })
}

/// Reads a number as `float()` does.
fn number(value: &Bound<'_, PyAny>) -> PyResult<f64> {
    value.extract().or_else(|_| guarded::float(value))
}

metric_class! {
    Gauge of Kind::Gauge, wraps core::Gauge, called
    "(name, documentation, labelnames=(), namespace='', subsystem='', unit='', \
     registry=..., _labelvalues=None, multiprocess_mode='all', *, max_children=None)",
    positional {
        #[pyo3(from_py_with = mode)] multiprocess_mode: GaugeMerge = GaugeMerge::EachOfAll
    },
    methods {
        /// Sets the value to a number, or to a text that `float()` accepts.
        fn set(&self, #[pyo3(from_py_with = number)] value: f64) -> PyResult<()> {
            self.0.value()?.set(value);
            Ok(())
        }

        /// Adds `amount`.
        #[pyo3(signature = (amount = 1.0), text_signature = "($self, amount=1)")]
        fn inc(&self, amount: f64) -> PyResult<()> {
            self.0.value()?.inc_by(amount);
            Ok(())
        }

        /// Subtracts `amount`.
        #[pyo3(signature = (amount = 1.0), text_signature = "($self, amount=1)")]
        fn dec(&self, amount: f64) -> PyResult<()> {
            self.0.value()?.dec_by(amount);
            Ok(())
        }

        /// Sets the value to the seconds since 1970.
        fn set_to_current_time(&self) -> PyResult<()> {
            let gauge = self.0.value()?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            // A time before 1970 becomes zero.
            gauge.set(now.map_or(0.0, |since| since.as_secs_f64()));
            Ok(())
        }

        /// Makes the gauge return the value of `f`, which is called at each gather.
        ///
        /// After that, `set`, `inc` and `dec` have no effect. If `f` raises or returns no number,
        /// that gather skips the gauge. The logger `dataclay_metrics` logs the first of consecutive
        /// failures.
        fn set_function(&self, py: Python<'_>, f: Py<PyAny>) -> PyResult<()> {
            let gauge = self.0.value()?;
            if !f.bind(py).is_callable() {
                return Err(arguments::must_be("f", "a function", f.bind(py)));
            }
            let callback = Callback::new(format!("the function of gauge {}", gauge.name()), f);
            gauge.set_function_behind(enter, move || {
                callback.call(|f| guarded::float(&guarded::call_function(f)?))
            });
            Ok(())
        }

        /// Adds 1 while a `with` block or a decorated function runs.
        ///
        /// A decorated function may be `async def`.
        fn track_inprogress<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
            slf.get().0.value()?;
            context_managers::inprogress_tracker(slf.as_any())
        }

        /// Sets the value to the seconds that a `with` block or a decorated function takes.
        ///
        /// A decorated function may be `async def`.
        fn time<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
            context_managers::timer(slf.as_any(), "set")
        }

        /// Returns the value, or the function's value if one is set; NaN if the function fails.
        fn get(&self, py: Python<'_>) -> PyResult<f64> {
            value(py, self.0.value()?)
        }

        fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
            self.0.repr(|core| {
                let value = value(py, core)?;
                let value = value.into_pyobject(py)?.repr()?.to_string();
                Ok(format!("{} = {value}", braced(core.desc().labels())))
            })
        }
    }
}
