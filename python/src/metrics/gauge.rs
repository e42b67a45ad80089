//! `Gauge` for Python.

use std::time::{SystemTime, UNIX_EPOCH};

use dataclay_metrics_core::{self as core, Kind, Labels};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::interpreter::callback::Callback;
use crate::interpreter::guarded;
use crate::metrics::children::Wrapper;
use crate::metrics::context_managers;
use crate::metrics::definition::{Definition, NameParts};
use crate::metrics::metric::Metric;
use crate::registry::registration::Registration;

/// A value that goes up and down, or that a function gives.
///
/// The exposed name is namespace, subsystem, name and unit, joined by `_`. A gauge with
/// `labelnames` has a child, which has a value, for each set of label values: see `labels()`. If
/// the registry has the same metric already, that one is returned, so a module may be reloaded;
/// `registry=None` registers nowhere. `multiprocess_mode` is checked, and means nothing here.
///
/// All methods may be called from any thread. Raises `ValueError` if a name is not valid, or is
/// taken in the registry by another metric.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct Gauge(pub(crate) Metric<Gauge>);

impl Wrapper for Gauge {
    type Core = core::Gauge;

    fn of(metric: Metric<Gauge>) -> Gauge {
        Gauge(metric)
    }

    fn metric(&self) -> &Metric<Gauge> {
        &self.0
    }

    fn make_core(name: &str, help: &str, unit: &str) -> Result<core::Gauge, core::Error> {
        core::Gauge::with_unit(name, help, unit)
    }

    fn labels_of(core: &core::Gauge) -> &Labels {
        core.desc().labels()
    }
}

/// What `prometheus_client` takes for `multiprocess_mode`.
const MULTIPROCESS_MODES: [&str; 10] = [
    "all",
    "liveall",
    "min",
    "livemin",
    "max",
    "livemax",
    "sum",
    "livesum",
    "mostrecent",
    "livemostrecent",
];

#[pymethods]
impl Gauge {
    #[new]
    #[pyo3(
        signature = (
            name, documentation, labelnames = vec![], namespace = "", subsystem = "", unit = "",
            registry = Registration::Default, multiprocess_mode = "all"
        ),
        text_signature = "(name, documentation, labelnames=(), namespace='', subsystem='', \
                          unit='', registry=..., multiprocess_mode='all')"
    )]
    #[expect(clippy::too_many_arguments, reason = "the constructor of prometheus_client")]
    fn new<'py>(
        py: Python<'py>,
        name: &str,
        documentation: &str,
        labelnames: Vec<String>,
        namespace: &str,
        subsystem: &str,
        unit: &str,
        registry: Registration,
        multiprocess_mode: &str,
    ) -> PyResult<Bound<'py, Gauge>> {
        if !MULTIPROCESS_MODES.contains(&multiprocess_mode) {
            return Err(PyValueError::new_err(format!(
                "multiprocess_mode {multiprocess_mode:?}: must be one of {MULTIPROCESS_MODES:?}"
            )));
        }
        let parts = NameParts { name, namespace, subsystem, unit };
        let definition = Definition::new(Kind::Gauge, parts, documentation, labelnames)?;
        registry.metric(py, definition)
    }

    /// Sets the value, whatever it was.
    fn set(&self, value: f64) -> PyResult<()> {
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
        // A clock before 1970 is not one to read.
        gauge.set(now.map_or(0.0, |since| since.as_secs_f64()));
        Ok(())
    }

    /// Has `f` give the value from now on, called whenever the gauge is gathered; `set`, `inc` and
    /// `dec` no longer show.
    ///
    /// If `f` raises or returns no number, the gauge is left out of that gather, and the logger
    /// `dataclay_metrics` says so once until it works again.
    fn set_function(&self, f: Py<PyAny>) -> PyResult<()> {
        let gauge = self.0.value()?;
        let callback = Callback::new(format!("the function of gauge {}", gauge.name()), f);
        gauge.set_function(move || {
            callback.call(|f| guarded::float(&guarded::call(f, &PyTuple::empty(f.py()))?))
        });
        Ok(())
    }

    /// Adds 1 while a `with` block or a function runs, `async def` included:
    /// `with g.track_inprogress():`, or as a decorator.
    fn track_inprogress<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().0.value()?;
        context_managers::inprogress_tracker(slf.as_any())
    }

    /// Sets the value to the seconds that a `with` block or a function takes, `async def` included:
    /// `with g.time():`, or as a decorator.
    fn time<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        context_managers::timer(slf.as_any())
    }

    /// The current value; that of the function if there is one, NaN if that gives none.
    fn get(&self, py: Python<'_>) -> PyResult<f64> {
        let gauge = self.0.value()?;
        // Detached: a callback of the core attaches by itself.
        Ok(py.detach(|| gauge.get()).unwrap_or(f64::NAN))
    }

    /// The child with these label values, positional in the order of `labelnames`, or by name.
    ///
    /// Values are turned into `str`. A child is made at zero when it is first asked for.
    #[pyo3(signature = (*labelvalues, **labelkwargs))]
    fn labels<'py>(
        &self,
        labelvalues: &Bound<'py, PyTuple>,
        labelkwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Gauge>> {
        self.0.labels(self, labelvalues, labelkwargs)
    }

    /// Exposes the child with these label values no longer; nothing happens if there is none.
    #[pyo3(signature = (*labelvalues))]
    fn remove(&self, labelvalues: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.0.children()?.remove(labelvalues)
    }

    /// Exposes no longer the children whose labels have all the values of this dict.
    fn remove_by_labels(&self, labels: &Bound<'_, PyAny>) -> PyResult<()> {
        self.0.children()?.remove_by_labels(labels)
    }

    /// Exposes none of the children any longer.
    fn clear(&self, py: Python<'_>) {
        self.0.clear(py);
    }

    /// The metric as a list of one `Metric`, with its samples.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.0.collect(py)
    }

    /// The same without samples.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.0.describe(py)
    }

    /// The exposed name.
    #[getter]
    fn name(&self) -> &str {
        &self.0.definition.name
    }

    /// The HELP text.
    #[getter]
    fn documentation(&self) -> &str {
        &self.0.definition.documentation
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.0.repr(|core| {
            let value = py.detach(|| core.get()).unwrap_or(f64::NAN);
            Ok(value.into_pyobject(py)?.repr()?.to_string())
        })
    }
}
