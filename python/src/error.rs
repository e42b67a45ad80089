//! The core's errors as the exceptions that Python users expect.

use dataclay_metrics_core::Error;
use pyo3::PyErr;
use pyo3::exceptions::{PyKeyError, PyOSError, PyValueError};

pyo3::create_exception!(
    dataclay_metrics,
    DuplicateTimeseries,
    PyValueError,
    "A registry holds another metric of the same name. The message names both."
);

/// Converts an error. A wrong value is a `ValueError`, and a missing metric a `KeyError`. A refusal
/// of the system or the network is an `OSError`, with its `errno` if there is one.
pub(crate) fn to_python(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Duplicate { .. } => DuplicateTimeseries::new_err(message),
        Error::NotRegistered { .. } => PyKeyError::new_err(message),
        Error::Listen { os_error: Some(errno), .. } => PyOSError::new_err((errno, message)),
        Error::Listen { .. } | Error::Push { .. } | Error::System { .. } => {
            PyOSError::new_err(message)
        }
        _ => PyValueError::new_err(message),
    }
}
