//! Converts times of samples from Python, and back.

use std::time::{Duration, SystemTime};

use dataclay_metrics_core::Timestamp;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyInt};

use crate::interpreter::guarded;

/// The last second of Unix time that is accepted: the end of the year 9999.
pub(crate) const LATEST: u64 = 253_402_300_799;

/// Converts the time of a sample: seconds of Unix time, or a `Timestamp` of either package.
pub(crate) fn from_python(object: &Bound<'_, PyAny>) -> PyResult<Timestamp> {
    let py = object.py();
    if object.is_instance_of::<PyInt>() && !object.is_instance_of::<PyBool>() {
        return object.extract().map(Timestamp::Seconds);
    }
    if let (Ok(Some(sec)), Ok(Some(nsec))) =
        (object.getattr_opt(intern!(py, "sec")), object.getattr_opt(intern!(py, "nsec")))
    {
        // For a time before 1970, `prometheus_client` has negative nanoseconds.
        if let (Ok(sec), Ok(nsec)) = (sec.extract(), nsec.extract::<u32>()) {
            return Ok(Timestamp::Nanos(sec, nsec));
        }
    }
    let seconds = guarded::float(object)?;
    if seconds.is_finite() {
        return Ok(Timestamp::Float(seconds));
    }
    Err(PyValueError::new_err(format!("timestamp {seconds}: must be finite")))
}

/// Converts seconds of Unix time, to the nanosecond.
pub(crate) fn from_seconds(seconds: f64) -> PyResult<SystemTime> {
    let since = Duration::try_from_secs_f64(seconds).ok();
    let since = since.filter(|since| since.as_secs() <= LATEST);
    let rule = "must be seconds of Unix time, from 1970 to 9999";
    let refused = || PyValueError::new_err(format!("start time {seconds}: {rule}"));
    since.map(|since| SystemTime::UNIX_EPOCH + since).ok_or_else(refused)
}

/// Returns a time in the form in which a collector passed it.
pub(crate) fn to_object(py: Python<'_>, time: Timestamp) -> PyResult<Bound<'_, PyAny>> {
    match time {
        Timestamp::Seconds(seconds) => Ok(seconds.into_pyobject(py)?.into_any()),
        Timestamp::Float(seconds) => Ok(seconds.into_pyobject(py)?.into_any()),
        Timestamp::Nanos(seconds, nanos) => {
            let module = py.import(intern!(py, "dataclay_metrics.samples"))?;
            module.getattr("Timestamp")?.call1((seconds, nanos))
        }
    }
}
