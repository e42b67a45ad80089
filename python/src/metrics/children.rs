//! The children of a labelled metric: core's family, and the Python objects that stand for them.

use std::sync::{Mutex, PoisonError};

use dataclay_metrics_core::{self as core, Collector, Family, Labels};
use pyo3::PyClass;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::sync::MutexExt;
use pyo3::types::{PyDict, PyTuple};

use crate::error::to_python;
use crate::metrics::label_values::{Labelled, label_values, wanted_values};
use crate::metrics::metric::Metric;

/// A Python class that stands for a metric of the core, which may have children.
pub(crate) trait Wrapper:
    PyClass<Frozen = True> + Into<PyClassInitializer<Self>> + Sync
{
    type Core: core::Metric + Collector;

    fn of(metric: Metric<Self>) -> Self;

    fn metric(&self) -> &Metric<Self>;

    /// A metric without labels, at zero.
    fn make_core(name: &str, help: &str, unit: &str) -> Result<Self::Core, core::Error>;

    fn labels_of(core: &Self::Core) -> &Labels;
}

/// The children, by their label values.
pub(crate) struct Children<W: Wrapper> {
    pub(crate) family: Family<W::Core>,
    /// Tuples of exact `str` to objects: a look-up in it runs no Python code, and takes no lock of
    /// ours. The overflow child is not in it, so that it stays as bounded as the family is.
    objects: Py<PyDict>,
    /// Held while both change, so that no object is left for a child that the family has not.
    changing: Mutex<()>,
}

impl<W: Wrapper> Children<W> {
    pub(crate) fn new(py: Python<'_>, family: Family<W::Core>) -> Children<W> {
        Children { family, objects: PyDict::new(py).unbind(), changing: Mutex::new(()) }
    }

    /// The child with these values, positional or by name, for the metric `parent`.
    pub(crate) fn labels<'py>(
        &self,
        parent: &W,
        values: &Bound<'py, PyTuple>,
        by_name: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, W>> {
        let py = values.py();
        let key = label_values(&self.family, values, by_name)?;
        if let Some(object) = self.objects.bind(py).get_item(&key)? {
            return Ok(object.cast_into()?);
        }
        self.make(parent, &key)
    }

    #[cold]
    fn make<'py>(&self, parent: &W, key: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, W>> {
        let py = key.py();
        let values: Vec<String> = key.extract()?;
        let _changing = self.changing.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        if let Some(object) = self.objects.bind(py).get_item(key)? {
            return Ok(object.cast_into()?);
        }
        let core = self.family.with_labels(&values).map_err(to_python)?;
        let own = W::labels_of(&core).iter().map(|(_, value)| value).eq(&values);
        let object = Bound::new(py, W::of(parent.metric().child(core)))?;
        if own {
            self.objects.bind(py).set_item(key, &object)?;
        }
        Ok(object)
    }

    /// Takes a child out of the family; nothing happens if it is not there.
    pub(crate) fn remove(&self, values: &Bound<'_, PyTuple>) -> PyResult<()> {
        let key = label_values(&self.family, values, None)?;
        self.remove_key(&key)
    }

    /// Takes out every child whose labels have all of these values.
    pub(crate) fn remove_by_labels(&self, labels: &Bound<'_, PyAny>) -> PyResult<()> {
        let wanted = wanted_values(&self.family, labels)?;
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

    /// Takes all children out of the family.
    pub(crate) fn clear(&self, py: Python<'_>) {
        let _changing = self.changing.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        self.family.clear();
        self.objects.bind(py).clear();
    }
}

impl<M: core::Metric> Labelled for Family<M> {
    fn name(&self) -> &str {
        Family::name(self)
    }

    fn label_names(&self) -> &[String] {
        Family::label_names(self)
    }
}
