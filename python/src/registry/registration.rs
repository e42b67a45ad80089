//! The argument `registry` that constructors and functions take.

use dataclay_metrics_core::Registry;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::registry::collector_registry::{CollectorRegistry, default_registry};
use crate::registry::definition::Definition;
use crate::registry::registrable::MetricClass;

/// An argument `registry` whose default is the default registry.
pub(crate) enum Registration {
    /// The default registry: the argument is absent.
    Default,
    /// This registry.
    In(Py<CollectorRegistry>),
    /// No registry: the argument is None.
    Nowhere,
}

impl FromPyObject<'_, '_> for Registration {
    type Error = PyErr;

    /// Takes a registry, or any other object with a method `collect()`.
    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Registration> {
        if object.is_none() {
            return Ok(Registration::Nowhere);
        }
        if let Ok(registry) = object.cast::<CollectorRegistry>() {
            return Ok(Registration::In(registry.to_owned().unbind()));
        }
        let registry = CollectorRegistry::from_core(Registry::new(), false);
        registry.register(&object)?;
        Ok(Registration::In(Py::new(object.py(), registry)?))
    }
}

impl Registration {
    /// Returns the metric of this definition in the registry that was meant.
    pub(crate) fn metric<M: MetricClass>(
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

    /// Returns the registry that was meant, for a function that reads it.
    pub(crate) fn required(self, py: Python<'_>) -> PyResult<Registry> {
        match self {
            Registration::Default => Ok(default_registry(py)?.get().to_read(py)?.clone()),
            Registration::In(registry) => Ok(registry.get().to_read(py)?.clone()),
            Registration::Nowhere => Err(PyTypeError::new_err("registry must not be None")),
        }
    }
}
