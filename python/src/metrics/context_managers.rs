//! Makes context managers, whose classes are written in Python.

use pyo3::intern;
use pyo3::prelude::*;

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    // Imported at first use, because most programs need none of them.
    py.import(intern!(py, "dataclay_metrics.context_managers"))?.getattr(name)
}

pub(crate) fn exception_counter<'py>(
    counter: &Bound<'py, PyAny>,
    exception: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let class = class(counter.py(), "ExceptionCounter")?;
    match exception {
        Some(exception) => class.call1((counter, exception)),
        None => class.call1((counter,)),
    }
}

pub(crate) fn inprogress_tracker<'py>(gauge: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    class(gauge.py(), "InprogressTracker")?.call1((gauge,))
}

/// Returns a timer that calls this method of the metric with the seconds.
pub(crate) fn timer<'py>(metric: &Bound<'py, PyAny>, method: &str) -> PyResult<Bound<'py, PyAny>> {
    class(metric.py(), "Timer")?.call1((metric, method))
}
