//! Converts exemplars from Python, and back.

use std::time::{Duration, SystemTime};

use dataclay_metrics_core::{Exemplar, Labels};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::error::to_python;
use crate::interpreter::guarded;
use crate::registry::{arguments, names};

/// Reads the argument `exemplar`: a dict of labels, or None. An empty dict means no exemplar.
pub(crate) fn argument(object: &Bound<'_, PyAny>) -> PyResult<Option<Labels>> {
    if object.is_none() {
        return Ok(None);
    }
    let labels = Labels::new(arguments::dict("exemplar", object)?).map_err(to_python)?;
    names::check_label_names(labels.iter().map(|(name, _)| name))?;
    Ok(if labels.is_empty() { None } else { Some(labels) })
}

/// Converts the exemplar of a sample that a custom collector yields.
pub(crate) fn from_python(object: &Bound<'_, PyAny>) -> PyResult<Exemplar> {
    if object.is_instance_of::<PyDict>() {
        // `collect()` of prometheus_client shows it, but no format can expose it.
        let labels = Labels::new(arguments::pairs(object)?).map_err(to_python)?;
        return Ok(Exemplar::without_value(labels));
    }
    let pairs = arguments::pairs(&object.get_item(0)?)?;
    let value = guarded::float(&object.get_item(1)?)?;
    let time = object.get_item(2)?;
    let time = if time.is_none() { None } else { Some(guarded::float(&time)?) };
    // Rounded to microseconds, which is the precision of a float for today's dates. A time before
    // 1970 is omitted.
    let time = time.and_then(|seconds| {
        let since = Duration::try_from_secs_f64(seconds).ok()?;
        let since = since.checked_add(Duration::from_nanos(500))?;
        let since = Duration::from_micros(u64::try_from(since.as_micros()).ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since)
    });
    Exemplar::new(Labels::new(pairs).map_err(to_python)?, value, time).map_err(to_python)
}

/// Returns an exemplar as a `dataclay_metrics.core.Exemplar`.
pub(crate) fn to_object<'py>(py: Python<'py>, exemplar: &Exemplar) -> PyResult<Bound<'py, PyAny>> {
    let labels = PyDict::new(py);
    for (label, value) in exemplar.labels().iter() {
        labels.set_item(label, value)?;
    }
    if !exemplar.has_value() {
        return Ok(labels.into_any());
    }
    let time = exemplar.time().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    let class = py.import(intern!(py, "dataclay_metrics.samples"))?.getattr("Exemplar")?;
    class.call1((labels, exemplar.value(), time.map(|since| since.as_secs_f64())))
}
