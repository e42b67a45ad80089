//! `Counter` for Python.

use dataclay_metrics_core::{self as core, Kind, Labels, Value};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::error::to_python;
use crate::metrics::children::Wrapper;
use crate::metrics::context_managers;
use crate::metrics::definition::{Definition, NameParts};
use crate::metrics::metric::Metric;
use crate::registry::registration::Registration;

/// A value that only goes up.
///
/// The exposed name is namespace, subsystem, name and unit, joined by `_`, with `_total` at its
/// end. A counter with `labelnames` has a child, which counts, for each set of label values: see
/// `labels()`. If the registry has the same metric already, that one is returned, so a module may
/// be reloaded; `registry=None` registers nowhere.
///
/// All methods may be called from any thread. Raises `ValueError` if a name is not valid, or is
/// taken in the registry by another metric.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct Counter(pub(crate) Metric<Counter>);

impl Wrapper for Counter {
    type Core = core::Counter;

    fn of(metric: Metric<Counter>) -> Counter {
        Counter(metric)
    }

    fn metric(&self) -> &Metric<Counter> {
        &self.0
    }

    fn make_core(name: &str, help: &str, unit: &str) -> Result<core::Counter, core::Error> {
        core::Counter::with_unit(name, help, unit)
    }

    fn labels_of(core: &core::Counter) -> &Labels {
        core.desc().labels()
    }
}

/// What `inc` was given; None is no number.
enum Amount<'py> {
    One,
    Given(Bound<'py, PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Amount<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Amount<'py>> {
        Ok(Amount::Given(object.to_owned()))
    }
}

#[pymethods]
impl Counter {
    #[new]
    #[pyo3(
        signature = (
            name, documentation, labelnames = vec![], namespace = "", subsystem = "", unit = "",
            registry = Registration::Default
        ),
        text_signature = "(name, documentation, labelnames=(), namespace='', subsystem='', \
                          unit='', registry=...)"
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
    ) -> PyResult<Bound<'py, Counter>> {
        let parts = NameParts { name, namespace, subsystem, unit };
        let definition = Definition::new(Kind::Counter, parts, documentation, labelnames)?;
        registry.metric(py, definition)
    }

    /// Adds `amount`: an int is counted exactly. Raises `ValueError` if it is negative, NaN or
    /// infinite, or if the metric has label names: then its children count.
    #[pyo3(signature = (amount = Amount::One), text_signature = "($self, amount=1)")]
    fn inc(&self, amount: Amount<'_>) -> PyResult<()> {
        let counter = self.0.value()?;
        match amount {
            Amount::One => counter.inc(),
            Amount::Given(amount) => match amount.extract() {
                Ok(whole) => counter.inc_by(whole),
                Err(_) => counter.inc_by_f64(amount.extract()?).map_err(to_python)?,
            },
        }
        Ok(())
    }

    /// The sum of all increments: an int as long as only whole amounts were added.
    ///
    /// Exact once the incrementing threads are joined, and never smaller than a value that the
    /// same thread has read before.
    fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.0.value()?.value() {
            Value::Integer(count) => Ok(count.into_pyobject(py)?.into_any()),
            Value::Float(sum) => Ok(sum.into_pyobject(py)?.into_any()),
        }
    }

    /// Counts the exceptions of type `exception` (a class or a tuple of them) that leave a `with`
    /// block or a function, `async def` included: `with c.count_exceptions():`, or as a decorator.
    #[pyo3(signature = (exception = None), text_signature = "($self, exception=...)")]
    fn count_exceptions<'py>(
        slf: &Bound<'py, Self>,
        exception: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().0.value()?;
        context_managers::exception_counter(slf.as_any(), exception)
    }

    /// The child with these label values, positional in the order of `labelnames`, or by name.
    ///
    /// Values are turned into `str`. A child is made at zero when it is first asked for. Hold it
    /// where it is counted often.
    #[pyo3(signature = (*labelvalues, **labelkwargs))]
    fn labels<'py>(
        &self,
        labelvalues: &Bound<'py, PyTuple>,
        labelkwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, Counter>> {
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

    /// The exposed name, `_total` included.
    #[getter]
    fn name(&self) -> &str {
        &self.0.definition.name
    }

    /// The HELP text.
    #[getter]
    fn documentation(&self) -> &str {
        &self.0.definition.documentation
    }

    fn __repr__(&self) -> PyResult<String> {
        self.0.repr(|core| {
            Ok(match core.value() {
                Value::Integer(count) => count.to_string(),
                Value::Float(sum) => format!("{sum:?}"),
            })
        })
    }
}
