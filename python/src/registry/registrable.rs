//! The interface between registries and the Python classes that they accept. No class is named
//! here. `lib.rs` lists the classes, so a new one needs no change in this folder.

use std::sync::OnceLock;

use dataclay_metrics_core::{Error, Registry};
use pyo3::PyClass;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::types::PyType;

/// A Python object that wraps a collector of the core.
pub(crate) trait Registrable {
    /// Returns the class that the module exports.
    fn class(py: Python<'_>) -> PyResult<Bound<'_, PyType>>
    where
        Self: PyClass,
    {
        Ok(py.get_type::<Self>())
    }

    /// Returns the key of the Python object in a registry; `None` before `__init__`.
    fn key(&self) -> Option<String>;

    fn register_in(&self, registry: &Registry) -> Result<(), Error>;

    fn unregister_from(&self, registry: &Registry) -> Result<(), Error>;

    /// Returns a function that must run before a registry with this object is read, if any.
    fn before_read(&self) -> Option<BeforeRead> {
        None
    }
}

/// Runs before each read of a registry.
pub(crate) type BeforeRead = fn(Python<'_>) -> PyResult<()>;

/// A Python class whose objects registries accept.
pub(crate) struct Class {
    /// Adds the class to a Python module.
    pub(crate) add_to: fn(&Bound<'_, PyModule>) -> PyResult<()>,
    cast: for<'a, 'py> fn(&'a Bound<'py, PyAny>) -> Option<&'a dyn Registrable>,
}

impl Class {
    pub(crate) const fn of<T: PyClass<Frozen = True> + Registrable + Sync>() -> Class {
        Class {
            add_to: |module| module.add(T::NAME, T::class(module.py())?),
            cast: |object| {
                let native: &dyn Registrable = object.cast::<T>().ok()?.get();
                let is_native = !overrides_collect::<T>(object);
                (is_native && native.key().is_some()).then_some(native)
            },
        }
    }
}

/// Returns whether the class of an object, a subclass of `T`, overrides `collect`.
pub(crate) fn overrides_collect<T: PyClass>(object: &Bound<'_, PyAny>) -> bool {
    let py = object.py();
    let name = intern!(py, "collect");
    let (own, native) = (object.get_type().getattr(name), py.get_type::<T>().getattr(name));
    !matches!((own, native), (Ok(own), Ok(native)) if own.is(&native))
}

static CLASSES: OnceLock<&'static [&'static [Class]]> = OnceLock::new();

/// Sets the classes whose objects registries accept. Only the first call has an effect.
pub(crate) fn set_classes(classes: &'static [&'static [Class]]) {
    CLASSES.get_or_init(|| classes);
}

/// Returns the core's collector of an object of one of the classes, or `None` for a subclass that
/// collects in Python.
pub(crate) fn as_registrable<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a dyn Registrable> {
    CLASSES.get()?.iter().copied().flatten().find_map(|class| (class.cast)(object))
}

/// Implements [`Registrable`] for a Python class whose field 0 is a collector of the core, known by
/// its identity.
macro_rules! registrable_by_id {
    ($class:ident $(, before_read = $before_read:expr)?) => {
        impl $crate::registry::registrable::Registrable for $class {
            fn key(&self) -> Option<String> {
                Some(dataclay_metrics_core::Collector::id(&self.0).to_string())
            }

            fn register_in(
                &self,
                registry: &dataclay_metrics_core::Registry,
            ) -> Result<(), dataclay_metrics_core::Error> {
                registry.register(&self.0)
            }

            fn unregister_from(
                &self,
                registry: &dataclay_metrics_core::Registry,
            ) -> Result<(), dataclay_metrics_core::Error> {
                registry.unregister(&self.0)
            }

            $(
                fn before_read(&self) -> Option<$crate::registry::registrable::BeforeRead> {
                    Some($before_read)
                }
            )?
        }
    };
}
pub(crate) use registrable_by_id;
