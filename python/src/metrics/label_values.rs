//! Label values as Python callers pass them, converted into the order of the label names.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::registry::arguments::must_be;

/// The label names, in whose order values are returned.
#[derive(Clone, Copy)]
pub(crate) struct LabelNames<'a> {
    /// The name of the metric, for errors.
    pub(crate) metric: &'a str,
    pub(crate) labels: &'a [String],
}

/// Returns the values, positional or by name, as a tuple of exact `str`, so that hashing and
/// comparing them runs no code of the caller. Raises `ValueError` unless each label name has one
/// value.
pub(crate) fn label_values<'py>(
    names: LabelNames<'_>,
    values: &Bound<'py, PyTuple>,
    by_name: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyTuple>> {
    match by_name {
        Some(by_name) if !by_name.is_empty() => {
            if !values.is_empty() {
                let rule = "label values are positional or by name, not both";
                return Err(PyValueError::new_err(format!("{}: {rule}", names.metric)));
            }
            in_order(names, by_name)
        }
        _ => positional(names, values),
    }
}

fn positional<'py>(
    names: LabelNames<'_>,
    values: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyTuple>> {
    let labels = names.labels;
    if values.len() != labels.len() {
        return Err(PyValueError::new_err(format!(
            "{} has the labels {labels:?}, but got {} values: {values}",
            names.metric,
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
    names: LabelNames<'_>,
    by_name: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyTuple>> {
    let labels = names.labels;
    let mut texts = Vec::with_capacity(labels.len());
    for name in labels {
        match by_name.get_item(name)? {
            Some(value) if by_name.len() == labels.len() => texts.push(text(&value)?),
            _ => {
                let given: Vec<String> = by_name.keys().extract()?;
                return Err(wrong_names(names, &given));
            }
        }
    }
    PyTuple::new(by_name.py(), texts)
}

/// Returns the values that were passed by name, each with the index of its label name.
pub(crate) fn wanted_values(
    names: LabelNames<'_>,
    labels: &Bound<'_, PyAny>,
) -> PyResult<Vec<(usize, String)>> {
    let Ok(labels) = labels.cast::<PyDict>() else {
        return Err(must_be("labels", "a dict of label name to value", labels));
    };
    let mut wanted = Vec::with_capacity(labels.len());
    for (name, value) in labels.iter() {
        let name: String =
            name.extract().map_err(|_| must_be("each key of labels", "str", &name))?;
        let Some(at) = names.labels.iter().position(|known| *known == name) else {
            return Err(wrong_names(names, &[name]));
        };
        wanted.push((at, text(&value)?.to_string()));
    }
    Ok(wanted)
}

fn wrong_names(names: LabelNames<'_>, given: &[String]) -> PyErr {
    let LabelNames { metric, labels } = names;
    PyValueError::new_err(format!("{metric} has the labels {labels:?}, not {given:?}"))
}

fn text<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    let text = value.str()?;
    if text.is_exact_instance_of::<PyString>() {
        return Ok(text);
    }
    // The `__str__` of a class may return a subclass of str.
    Ok(PyString::new(value.py(), text.to_str()?))
}
