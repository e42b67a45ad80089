//! `Counter` for Python.

use dataclay_metrics_core::{self as core, Kind, Labels, Value};
use pyo3::prelude::*;

use crate::error::to_python;
use crate::interpreter::interrupts;
use crate::metrics::class::metric_class;
use crate::metrics::context_managers;
use crate::metrics::metric::{Metric, braced};
use crate::registry::{created, exemplars};

/// A value that only increases.
///
/// The exposed name is namespace, subsystem, name and unit, joined by `_`, with `_total` at its
/// end. A counter with `labelnames` only holds children, one for each set of label values: see
/// `labels()`. It holds at most `max_children` children, by default 10,000. All further label sets
/// share one child whose labels are `__overflow__`.
///
/// `registry=None` registers nowhere.
///
/// All methods may be called from any thread. Raises `ValueError` if a name is not valid, or if
/// another metric of the registry has it; also for `max_children` without `labelnames`.
#[pyclass(frozen, subclass, module = "dataclay_metrics")]
pub(crate) struct Counter(pub(crate) Metric<Counter>);

/// The argument of `inc`, which may not be None.
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

metric_class! {
    Counter of Kind::Counter, wraps core::Counter, called
    "(name, documentation, labelnames=(), namespace='', subsystem='', unit='', \
     registry=..., _labelvalues=None, *, max_children=None)",
    methods {
        /// Adds `amount`. An int is counted exactly.
        ///
        /// Raises `ValueError` if `amount` is negative, NaN or infinite. Also raises it if the
        /// counter has label names, because then only its children count. An `exemplar` is a dict
        /// of labels, such as a trace id, with at most 128 characters together. OpenMetrics exposes
        /// the last one.
        #[pyo3(
            signature = (amount = Amount::One, exemplar = None),
            text_signature = "($self, amount=1, exemplar=None)"
        )]
        fn inc(&self, amount: Amount<'_>, #[pyo3(from_py_with = exemplars::argument)] exemplar: Option<Labels>) -> PyResult<()> {
            let counter = self.0.value()?;
            if let Some(labels) = exemplar {
                let amount = match amount {
                    Amount::One => 1.0,
                    Amount::Given(amount) => amount.extract()?,
                };
                return counter.inc_by_with_exemplar(amount, labels).map_err(to_python);
            }
            match amount {
                Amount::One => counter.inc(),
                Amount::Given(amount) => match amount.extract() {
                    Ok(whole) => counter.inc_by(whole),
                    Err(error) if interrupts::is_one(amount.py(), &error) => return Err(error),
                    Err(_) => counter.inc_by_f64(amount.extract()?).map_err(to_python)?,
                },
            }
            Ok(())
        }

        /// Returns the sum of all increments. It is an int if only whole amounts were added, or if
        /// it is at least 2^53. The sum of whole amounts saturates at 2^64 - 1.
        ///
        /// It is exact once the incrementing threads are joined. It is never smaller than a value
        /// that the same thread has read before, unless `reset()` was called.
        fn get<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
            match self.0.value()?.value() {
                Value::Integer(count) => Ok(count.into_pyobject(py)?.into_any()),
                Value::Float(sum) => Ok(sum.into_pyobject(py)?.into_any()),
            }
        }

        /// Sets the counter to zero, with a new start time. Prometheus treats that as a restart.
        ///
        /// Raises `ValueError` if the process counts together with others, or if the counter has
        /// label names.
        fn reset(&self, py: Python<'_>) -> PyResult<()> {
            let (counter, now) = (self.0.value()?, created::now(py)?);
            created::began(now, || counter.reset()).map_err(to_python)
        }

        /// Counts the exceptions that leave a `with` block or a decorated function.
        ///
        /// `exception` is a class or a tuple of classes. A decorated function may be `async def`.
        #[pyo3(signature = (exception = None), text_signature = "($self, exception=...)")]
        fn count_exceptions<'py>(
            slf: &Bound<'py, Self>,
            exception: Option<&Bound<'py, PyAny>>,
        ) -> PyResult<Bound<'py, PyAny>> {
            slf.get().0.value()?;
            context_managers::exception_counter(slf.as_any(), exception)
        }

        fn __repr__(&self) -> PyResult<String> {
            self.0.repr(|core| {
                let labels = braced(core.desc().labels());
                Ok(match core.value() {
                    Value::Integer(count) => format!("{labels} = {count}"),
                    Value::Float(sum) => format!("{labels} = {sum:?}"),
                })
            })
        }
    }
}
