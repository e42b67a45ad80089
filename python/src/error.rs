//! The core's errors as the exceptions that Python users expect.

use dataclay_metrics_core::{self as core, Error};
use pyo3::exceptions::{PyKeyError, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PySet, PyString};

pyo3::create_exception!(
    dataclay_metrics,
    DuplicateTimeseries,
    PyValueError,
    "A registry holds another metric of the same name. The message names both."
);

/// Converts an error. A wrong value is a `ValueError`, and a missing metric is a `KeyError`. A
/// failure of the system or the network is an `OSError`, with its `errno` if there is one. A failed
/// push is also a `URLError`, as in `prometheus_client`.
pub(crate) fn to_python(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Duplicate { name, .. } => {
            Python::attach(|py| duplicate(py, &name, &message)).unwrap_or_else(|error| error)
        }
        Error::NotRegistered { .. } => PyKeyError::new_err(message),
        Error::Listen { os_error: Some(errno), .. } => PyOSError::new_err((errno, message)),
        Error::Listen { .. } | Error::System { .. } => PyOSError::new_err(message),
        Error::Push { url, status, is_unanswered, .. } => {
            Python::attach(|py| push_error(py, &url, status, &message, is_unanswered))
                .unwrap_or_else(|error| error)
        }
        _ => PyValueError::new_err(message),
    }
}

/// Makes the exception of a duplicate. Libraries check its first words or the attribute
/// `duplicates`, so both are the same as in `prometheus_client`.
fn duplicate(py: Python<'_>, name: &str, message: &str) -> PyResult<PyErr> {
    let text = format!("Duplicated timeseries in CollectorRegistry: {{'{name}'}}: {message}");
    let error = DuplicateTimeseries::new_err(text);
    error.value(py).setattr("duplicates", PySet::new(py, [name])?)?;
    Ok(error)
}

/// Makes the exception of a failed push. Its class is written in Python, so that only the first
/// failure imports `urllib`.
fn push_error(
    py: Python<'_>,
    url: &str,
    status: Option<u16>,
    message: &str,
    is_unanswered: bool,
) -> PyResult<PyErr> {
    let failed = py.import("dataclay_metrics.client.errors")?.getattr("failed")?;
    Ok(PyErr::from_value(failed.call1((url, status, message, is_unanswered))?))
}

/// Returns a text on one line, as errors and log lines show it, without control characters.
#[pyfunction]
pub(crate) fn one_line(text: &Bound<'_, PyString>) -> String {
    core::one_line(&text.to_string_lossy())
}

/// Returns an address as errors and log lines may show it, without credentials and query.
#[pyfunction]
pub(crate) fn without_secrets(address: &Bound<'_, PyString>) -> String {
    core::without_secrets(&address.to_string_lossy())
}
