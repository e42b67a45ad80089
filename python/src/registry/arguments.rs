//! Reads arguments. Errors name the argument, the required type and the actual type. The errors of
//! `PyO3` name types that callers do not know, and before CPython 3.11 they do not name the
//! argument.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyMapping, PyString, PyTuple};

use crate::interpreter::guarded;

/// Returns the error of an argument of a wrong type.
pub(crate) fn must_be(name: &str, rule: &str, object: &Bound<'_, PyAny>) -> PyErr {
    let class = object.get_type();
    let is = class.name().map_or_else(|_| "another object".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{name} must be {rule}, not {is}"))
}

/// Reads `_labelvalues`, which `labels()` of `prometheus_client` passes to a constructor.
/// Subclasses pass None.
pub(crate) fn no_labelvalues(object: &Bound<'_, PyAny>) -> PyResult<()> {
    let rule = "_labelvalues: must be None, because labels() makes the children";
    if object.is_none() { Ok(()) } else { Err(PyValueError::new_err(rule)) }
}

fn text(name: &str, object: &Bound<'_, PyAny>) -> PyResult<String> {
    let text = object.cast::<PyString>().map_err(|_| must_be(name, "str", object))?;
    Ok(text.to_str()?.to_owned())
}

/// Returns an iterator. If the object is not iterable, the error states `rule`. Any other exception
/// of `__iter__` is raised unchanged.
fn iterate<'py>(
    name: &str,
    rule: &str,
    object: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyIterator>> {
    if object.is_instance_of::<PyString>() {
        return Err(must_be(name, rule, object));
    }
    object.try_iter().map_err(|error| {
        let wrong_type = error.is_instance_of::<PyTypeError>(object.py());
        if wrong_type { must_be(name, rule, object) } else { error }
    })
}

/// Reads an iterable of texts. Refuses a str, which is also iterable, but never intended.
fn texts<C: FromIterator<String>>(name: &str, object: &Bound<'_, PyAny>) -> PyResult<C> {
    let read = |item: PyResult<Bound<'_, PyAny>>| {
        let item = item?;
        text(&format!("each of {name}"), &item)
    };
    iterate(name, "an iterable of str", object)?.map(read).collect()
}

/// Reads a number.
pub(crate) fn amount(object: &Bound<'_, PyAny>) -> PyResult<f64> {
    object.extract().map_err(|error: PyErr| {
        let wrong_type = error.is_instance_of::<PyTypeError>(object.py());
        if wrong_type { must_be("amount", "a number", object) } else { error }
    })
}

/// Reads an iterable of numbers, which may be texts. Raises exceptions unchanged if `float()` would
/// not raise their class.
pub(crate) fn numbers(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    let items = iterate(name, "an iterable of numbers", object)?;
    let read = |item: PyResult<Bound<'_, PyAny>>| {
        let (item, py) = (item?, object.py());
        guarded::float(&item).map_err(|error| {
            let class = error.get_type(py);
            if class.is(py.get_type::<PyTypeError>()) {
                must_be(&format!("each of {name}"), "a number", &item)
            } else if class.is(py.get_type::<PyValueError>())
                || class.is(py.get_type::<PyOverflowError>())
            {
                PyErr::from_type(class, format!("each of {name}: {}", error.value(py)))
            } else {
                error
            }
        })
    };
    items.map(read).collect()
}

pub(crate) fn dict(name: &str, object: &Bound<'_, PyAny>) -> PyResult<BTreeMap<String, String>> {
    let dict =
        object.cast::<PyDict>().map_err(|_| must_be(name, "a dict of str to str", object))?;
    let read = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        let key = text(&format!("each key of {name}"), &key)?;
        let value = text(&format!("{name}[{key:?}]"), &value)?;
        Ok((key, value))
    };
    dict.iter().map(read).collect()
}

/// Reads the labels of a sample of a custom collector: a mapping of any objects, which are
/// converted with `str()`, or None for no labels.
pub(crate) fn pairs(object: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    if object.is_none() {
        return Ok(pairs);
    }
    let dict = match object.cast::<PyDict>() {
        Ok(dict) => dict.clone(),
        Err(_) if object.cast::<PyMapping>().is_err() => {
            return Err(must_be("labels", "a mapping", object));
        }
        Err(_) => {
            let class = object.py().get_type::<PyDict>();
            let mapping = PyTuple::new(object.py(), [object])?;
            guarded::call(class.as_any(), &mapping)?.cast_into()?
        }
    };
    for (label, value) in dict.iter() {
        pairs.push((guarded::text(&label)?, guarded::text(&value)?));
    }
    Ok(pairs)
}

/// Defines readers, each named like its argument.
macro_rules! readers {
    ($read:ident -> $type:ty: $($name:ident)*) => {$(
        pub(crate) fn $name(object: &Bound<'_, PyAny>) -> PyResult<$type> {
            $read(stringify!($name), object)
        }
    )*};
}

readers! { text -> String:
    addr documentation escaping format gateway job multiprocess_mode name namespace proc
    state subsystem unit
}
readers! { texts -> Vec<String>: labelnames }
readers! { texts -> HashSet<String>: names }

/// Reads the argument `states`. None means no states.
pub(crate) fn states(object: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if object.is_none() { Ok(Vec::new()) } else { texts("states", object) }
}

/// Reads the facts of an `Info`. A value of None raises `ValueError`, as in `prometheus_client`.
pub(crate) fn val(object: &Bound<'_, PyAny>) -> PyResult<BTreeMap<String, String>> {
    let facts = object.cast::<PyDict>();
    if facts.is_ok_and(|dict| dict.iter().any(|(_, value)| value.is_none())) {
        return Err(PyValueError::new_err("a value of val is None: each must be str"));
    }
    dict("val", object)
}

/// Reads the argument `labels`, which may be None.
pub(crate) fn labels(object: &Bound<'_, PyAny>) -> PyResult<Option<BTreeMap<String, String>>> {
    if object.is_none() { Ok(None) } else { dict("labels", object).map(Some) }
}

/// Returns a time in seconds as a duration.
pub(crate) fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value).map_err(|_| {
        PyValueError::new_err(format!(
            "{name}={value:?}: must be a number of seconds, not negative"
        ))
    })
}

/// Reads a port. For a wrong port, raises the type of exception that `socket` and therefore
/// `prometheus_client` raise.
pub(crate) fn port(number: &Bound<'_, PyAny>) -> PyResult<u16> {
    number.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(number.py()) {
            PyOverflowError::new_err(format!("port {number}: must be 0 to 65535"))
        } else {
            must_be("port", "a whole number", number)
        }
    })
}

/// Reads a flag: the truth value of any object.
pub(crate) fn truth(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    object.is_truthy()
}
