//! Label values as Python gives them, brought into the order of the label names.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

/// What has label names.
pub(crate) trait Labelled {
    fn name(&self) -> &str;
    fn label_names(&self) -> &[String];
}

/// The values, positional or by name, as a tuple of exact `str`: hashing and comparing those runs
/// no code of the caller's. A `ValueError` unless there is one for each label name.
pub(crate) fn label_values<'py>(
    metric: &impl Labelled,
    values: &Bound<'py, PyTuple>,
    by_name: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyTuple>> {
    match by_name {
        Some(by_name) if !by_name.is_empty() => {
            if !values.is_empty() {
                let rule = "label values are positional or by name, not both";
                return Err(PyValueError::new_err(format!("{}: {rule}", metric.name())));
            }
            in_order(metric, by_name)
        }
        _ => positional(metric, values),
    }
}

fn positional<'py>(
    metric: &impl Labelled,
    values: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyTuple>> {
    let names = metric.label_names();
    if values.len() != names.len() {
        return Err(PyValueError::new_err(format!(
            "{} has the labels {names:?}, but {} values were given: {values}",
            metric.name(),
            values.len(),
        )));
    }
    if values.iter_borrowed().all(|value| value.is_exact_instance_of::<PyString>()) {
        return Ok(values.clone());
    }
    let texts: Vec<_> = values.iter().map(|value| text(&value)).collect::<PyResult<_>>()?;
    PyTuple::new(values.py(), texts)
}

fn in_order<'py>(
    metric: &impl Labelled,
    by_name: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyTuple>> {
    let names = metric.label_names();
    let mut texts = Vec::with_capacity(names.len());
    for name in names {
        match by_name.get_item(name)? {
            Some(value) if by_name.len() == names.len() => texts.push(text(&value)?),
            _ => {
                let given: Vec<String> = by_name.keys().extract()?;
                return Err(wrong_names(metric, &given));
            }
        }
    }
    PyTuple::new(by_name.py(), texts)
}

/// Some of the values by name, each with its place among the label names.
pub(crate) fn wanted_values(
    metric: &impl Labelled,
    labels: &Bound<'_, PyAny>,
) -> PyResult<Vec<(usize, String)>> {
    let Ok(labels) = labels.cast::<PyDict>() else {
        let message = format!("labels {labels}: must be a dict of label name to value");
        return Err(PyTypeError::new_err(message));
    };
    let mut wanted = Vec::with_capacity(labels.len());
    for (name, value) in labels.iter() {
        let name: String = name.extract()?;
        let Some(at) = metric.label_names().iter().position(|known| *known == name) else {
            return Err(wrong_names(metric, &[name]));
        };
        wanted.push((at, text(&value)?.to_string()));
    }
    Ok(wanted)
}

fn wrong_names(metric: &impl Labelled, given: &[String]) -> PyErr {
    let (name, names) = (metric.name(), metric.label_names());
    PyValueError::new_err(format!("{name} has the labels {names:?}, not {given:?}"))
}

fn text<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    let text = value.str()?;
    if text.is_exact_instance_of::<PyString>() {
        return Ok(text);
    }
    // The `__str__` of a class may return a subclass of str.
    Ok(PyString::new(value.py(), text.to_str()?))
}
