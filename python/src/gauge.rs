//! `Gauge` for Python.

use dataclay_metrics_core as core;
use pyo3::prelude::*;

use crate::error::to_python;
use crate::registry::Registration;

/// A value that goes up and down. `registry=None` registers nowhere.
///
/// Raises `ValueError` if the name is not valid or already taken in the registry.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct Gauge(pub(crate) core::Gauge);

#[pymethods]
impl Gauge {
    #[new]
    #[pyo3(signature = (name, documentation, *, registry = Registration::Default))]
    fn new(name: &str, documentation: &str, registry: Registration) -> PyResult<Gauge> {
        let gauge = core::Gauge::new(name, documentation).map_err(to_python)?;
        registry.register(&gauge)?;
        Ok(Gauge(gauge))
    }

    /// Sets the value, whatever it was.
    fn set(&self, value: f64) {
        self.0.set(value);
    }

    /// Adds `amount`.
    #[pyo3(signature = (amount = 1.0), text_signature = "($self, amount=1)")]
    fn inc(&self, amount: f64) {
        self.0.inc_by(amount);
    }

    /// Subtracts `amount`.
    #[pyo3(signature = (amount = 1.0), text_signature = "($self, amount=1)")]
    fn dec(&self, amount: f64) {
        self.0.dec_by(amount);
    }

    /// Has `f` give the value from now on, called whenever the gauge is gathered.
    ///
    /// If `f` raises or returns no number, the gauge is left out of that gather, and the logger
    /// `dataclay_metrics` says so once until it works again.
    fn set_function(&self, f: Py<PyAny>) {
        let name = self.0.name().to_owned();
        let failing = std::sync::atomic::AtomicBool::new(false);
        self.0.set_function(move || {
            // None: the interpreter is going down.
            Python::try_attach(|py| {
                let value = f.call0(py).and_then(|value| value.extract::<f64>(py));
                let failed = failing.swap(value.is_err(), std::sync::atomic::Ordering::Relaxed);
                if let Err(error) = &value {
                    if !failed {
                        log::warn!("the function of gauge {name} failed: {error}");
                    }
                }
                value.ok()
            })
            .flatten()
        });
    }

    /// The current value; that of the function if there is one, NaN if that gives none.
    fn get(&self, py: Python<'_>) -> f64 {
        py.detach(|| self.0.get()).unwrap_or(f64::NAN)
    }

    /// The exposed name.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The HELP text.
    #[getter]
    fn documentation(&self) -> &str {
        self.0.desc().help()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!("<Gauge {} = {}>", self.0.name(), self.get(py))
    }
}
