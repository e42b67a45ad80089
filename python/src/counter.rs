//! `Counter` for Python.

use dataclay_metrics_core::{self as core, Value};
use pyo3::prelude::*;

use crate::error::to_python;
use crate::registry::Registration;

/// A value that only goes up.
///
/// The name gets `_total` appended unless it ends so. `registry=None` registers nowhere.
///
/// Raises `ValueError` if the name is not valid or already taken in the registry.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct Counter(pub(crate) core::Counter);

#[pymethods]
impl Counter {
    #[new]
    #[pyo3(signature = (name, documentation, *, registry = Registration::Default))]
    fn new(name: &str, documentation: &str, registry: Registration) -> PyResult<Counter> {
        let counter = core::Counter::new(name, documentation).map_err(to_python)?;
        registry.register(&counter)?;
        Ok(Counter(counter))
    }

    /// Adds `amount`. Raises `ValueError` if it is negative, NaN or infinite.
    #[pyo3(signature = (amount = None), text_signature = "($self, amount=1)")]
    fn inc(&self, amount: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        match amount {
            None => self.0.inc(),
            Some(amount) => match amount.extract() {
                Ok(whole) => self.0.inc_by(whole),
                Err(_) => self.0.inc_by_f64(amount.extract()?).map_err(to_python)?,
            },
        }
        Ok(())
    }

    /// The sum of all increments: an int as long as only whole amounts were added.
    ///
    /// Exact once the incrementing threads are joined, and never smaller than a value that the
    /// same thread has read before.
    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.0.value() {
            Value::Integer(count) => Ok(count.into_pyobject(py)?.into_any()),
            Value::Float(sum) => Ok(sum.into_pyobject(py)?.into_any()),
        }
    }

    /// The exposed name, `_total` included.
    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    /// The HELP text.
    #[getter]
    fn documentation(&self) -> &str {
        self.0.desc().help()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<Counter {} = {}>", self.0.name(), self.get(py)?))
    }
}
