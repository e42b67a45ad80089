//! The children of a labelled metric: the core's family, and the Python object of each child.

use std::sync::{Mutex, PoisonError};

use dataclay_metrics_core::{self as core, Family};
use pyo3::PyClass;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyDict, PyTuple};

use crate::error::to_python;
use crate::metrics::label_values::{LabelNames, label_values, wanted_values};
use crate::registry::created;

/// The children, by their label values.
pub(crate) struct ChildObjects<C: core::Metric> {
    pub(crate) family: Family<C>,
    /// Maps tuples of exact `str` to objects. A lookup in it runs no Python code and takes no lock
    /// of this crate. The overflow child is not in it, so its size is bounded like the family's.
    objects: Py<PyDict>,
    /// Held while both change, so that no object remains for a child that the family has removed.
    changing: Mutex<()>,
}

impl<C: core::Metric> ChildObjects<C> {
    pub(crate) fn new(py: Python<'_>, family: Family<C>) -> ChildObjects<C> {
        ChildObjects { family, objects: PyDict::new(py).unbind(), changing: Mutex::new(()) }
    }

    fn names(&self) -> LabelNames<'_> {
        LabelNames { metric: self.family.name(), labels: self.family.label_names() }
    }

    /// Returns the object of the child with these label values, positional or by name. If there is
    /// none, `make` makes it, and `set` stores the core's child in it.
    pub(crate) fn labels<'py, W: PyClass>(
        &self,
        values: &Bound<'py, PyTuple>,
        by_name: Option<&Bound<'py, PyDict>>,
        make: impl FnOnce() -> PyResult<Bound<'py, W>>,
        set: impl FnOnce(&Bound<'py, W>, C) -> PyResult<()>,
    ) -> PyResult<Bound<'py, W>> {
        let py = values.py();
        let key = label_values(self.names(), values, by_name)?;
        if let Some(object) = self.objects.bind(py).get_item(&key)? {
            return Ok(object.cast_into()?);
        }
        self.make(&key, make, set)
    }

    #[cold]
    fn make<'py, W: PyClass>(
        &self,
        key: &Bound<'py, PyTuple>,
        make: impl FnOnce() -> PyResult<Bound<'py, W>>,
        set: impl FnOnce(&Bound<'py, W>, C) -> PyResult<()>,
    ) -> PyResult<Bound<'py, W>> {
        let py = key.py();
        let values: Vec<String> = key.extract()?;
        // No lock is held, because both may run code of the application.
        let (object, now) = (make()?, created::now(py)?);
        let _changing = self.changing.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        if let Some(object) = self.objects.bind(py).get_item(key)? {
            return Ok(object.cast_into()?);
        }
        let core = created::began(now, || self.family.with_labels(&values)).map_err(to_python)?;
        let is_overflow = !core.desc().labels().iter().map(|(_, value)| value).eq(&values);
        set(&object, core)?;
        if !is_overflow {
            self.objects.bind(py).set_item(key, &object)?;
        }
        Ok(object)
    }

    /// Removes the child with these label values, if there is one.
    pub(crate) fn remove(&self, values: &Bound<'_, PyTuple>) -> PyResult<()> {
        let key = label_values(self.names(), values, None)?;
        self.remove_key(&key)
    }

    /// Removes the children whose labels have all values of this dict.
    pub(crate) fn remove_by_labels(&self, labels: &Bound<'_, PyAny>) -> PyResult<()> {
        let wanted = wanted_values(self.names(), labels)?;
        for key in self.objects.bind(labels.py()).keys() {
            let key = key.cast_into::<PyTuple>()?;
            let mut all = !wanted.is_empty();
            for (at, value) in &wanted {
                all &= key.get_item(*at)?.eq(value)?;
            }
            if all {
                self.remove_key(&key)?;
            }
        }
        Ok(())
    }

    fn remove_key(&self, key: &Bound<'_, PyTuple>) -> PyResult<()> {
        let py = key.py();
        let values: Vec<String> = key.extract()?;
        let _changing = self.changing.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        self.family.remove(&values);
        if self.objects.bind(py).contains(key)? {
            self.objects.bind(py).del_item(key)?;
        }
        Ok(())
    }

    /// Returns a copy of the objects, by their label values.
    pub(crate) fn objects<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        self.objects.bind(py).copy()
    }

    /// Removes all children.
    pub(crate) fn clear(&self, py: Python<'_>) {
        let _changing = self.changing.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        self.family.clear();
        self.objects.bind(py).clear();
    }
}
