//! The argument `registry`, of constructors and of functions.

use dataclay_metrics_core::Registry;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::interpreter::interrupts::{self, FailedPart};
use crate::registry::collector_registry::{self, CollectorRegistry, default_registry};

/// The argument `registry` of a constructor: the registry of the metric.
pub(crate) enum Registration {
    /// The default registry: the argument is absent.
    Default,
    /// This registry.
    In(Py<CollectorRegistry>),
    /// A registry of another class, or of a subclass, with a method `register()`.
    Foreign(Py<PyAny>),
    /// No registry: the argument is None.
    Nowhere,
}

impl FromPyObject<'_, '_> for Registration {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Registration> {
        if object.is_none() {
            return Ok(Registration::Nowhere);
        }
        if let Ok(registry) = object.cast_exact::<CollectorRegistry>() {
            return Ok(Registration::In(registry.to_owned().unbind()));
        }
        let register = object.getattr_opt(intern!(object.py(), "register"))?;
        let is_class = object.is_instance_of::<PyType>();
        if !is_class && register.is_some_and(|register| register.is_callable()) {
            return Ok(Registration::Foreign(object.to_owned().unbind()));
        }
        let class = object.get_type().name()?;
        let is = if is_class { "a class: call it first".to_owned() } else { class.to_string() };
        Err(PyTypeError::new_err(format!(
            "registry must be a CollectorRegistry, an object with a method register(), or None, \
             not {is}"
        )))
    }
}

impl Registration {
    /// Registers a collector in the registry of the argument.
    pub(crate) fn register(self, collector: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = collector.py();
        match self {
            Registration::Default => default_registry(py)?.get().register(collector),
            Registration::In(registry) => registry.get().register(collector),
            Registration::Foreign(registry) => {
                registry.bind(py).call_method1(intern!(py, "register"), (collector,)).map(drop)
            }
            Registration::Nowhere => Ok(()),
        }
    }
}

/// The argument `registry` of a function that reads it.
pub(crate) enum ToRead {
    /// The default registry: the argument is absent.
    Default,
    /// This registry.
    This(Py<CollectorRegistry>),
}

impl FromPyObject<'_, '_> for ToRead {
    type Error = PyErr;

    /// Takes a registry, or any other object with a method `collect()`.
    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<ToRead> {
        if object.is_none() {
            return Err(PyTypeError::new_err("registry must not be None"));
        }
        if let Some(registry) = collector_registry::native(&object) {
            return Ok(ToRead::This(registry.to_owned().unbind()));
        }
        let registry = CollectorRegistry::from_core(Registry::new(), false);
        registry.register(&object)?;
        Ok(ToRead::This(Py::new(object.py(), registry)?))
    }
}

impl ToRead {
    /// Calls `read` with the registry of the argument, detached from the interpreter. Raises the
    /// exception that interrupted a function of the gather.
    pub(crate) fn read<R: Send>(
        self,
        py: Python<'_>,
        read: impl FnOnce(&Registry) -> R + Send,
    ) -> PyResult<R> {
        let registry = self.registry(py)?;
        interrupts::detached(py, || read(&registry))
    }

    /// As `read`, and also returns the first failure of a function of the gather.
    pub(crate) fn read_with_failure<R: Send>(
        self,
        py: Python<'_>,
        read: impl FnOnce(&Registry) -> R + Send,
    ) -> PyResult<(R, Option<FailedPart>)> {
        let registry = self.registry(py)?;
        interrupts::detached_with_failure(py, || read(&registry))
    }

    /// Returns the registry of the argument.
    pub(crate) fn registry(self, py: Python<'_>) -> PyResult<Registry> {
        match self {
            ToRead::Default => Ok(default_registry(py)?.get().to_read(py)?.clone()),
            ToRead::This(registry) => Ok(registry.get().to_read(py)?.clone()),
        }
    }
}
