//! The argument `registry` that constructors and functions take.

use dataclay_metrics_core::Registry;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::defaults::default_registry;
use crate::metrics::definition::Definition;
use crate::registry::collector_registry::{CollectorRegistry, Made};

/// An argument `registry` whose default is the default registry.
pub(crate) enum Registration {
    /// Not given: the default registry.
    Default,
    /// Given.
    In(Py<CollectorRegistry>),
    /// None: nowhere.
    Nowhere,
}

impl FromPyObject<'_, '_> for Registration {
    type Error = PyErr;

    /// A registry, or anything else with a method `collect()`.
    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Registration> {
        if object.is_none() {
            return Ok(Registration::Nowhere);
        }
        if let Ok(registry) = object.cast::<CollectorRegistry>() {
            return Ok(Registration::In(registry.to_owned().unbind()));
        }
        let of_one = CollectorRegistry::of_core(Registry::new(), false);
        of_one.register(&object)?;
        Ok(Registration::In(Py::new(object.py(), of_one)?))
    }
}

impl Registration {
    /// The metric of this definition in the registry that was meant.
    pub(crate) fn metric<M: Made>(
        self,
        py: Python<'_>,
        definition: Definition,
    ) -> PyResult<Bound<'_, M>> {
        match self {
            Registration::Default => default_registry(py)?.get().metric(py, definition),
            Registration::In(registry) => registry.get().metric(py, definition),
            Registration::Nowhere => Bound::new(py, M::make(py, definition)?),
        }
    }

    /// Registers a collector in the registry that was meant.
    pub(crate) fn register(self, collector: &Bound<'_, PyAny>) -> PyResult<()> {
        match self {
            Registration::Default => default_registry(collector.py())?.get().register(collector),
            Registration::In(registry) => registry.get().register(collector),
            Registration::Nowhere => Ok(()),
        }
    }

    /// The registry that was meant, by a function that reads one.
    pub(crate) fn required(self, py: Python<'_>) -> PyResult<Registry> {
        match self {
            Registration::Default => Ok(default_registry(py)?.get().to_read(py)?.clone()),
            Registration::In(registry) => Ok(registry.get().to_read(py)?.clone()),
            Registration::Nowhere => Err(PyTypeError::new_err("registry must not be None")),
        }
    }
}
