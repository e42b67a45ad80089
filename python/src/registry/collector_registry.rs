//! `CollectorRegistry` for Python.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dataclay_metrics_core::{self as core, Collector, Registry, Sample};
use pyo3::exceptions::{PyKeyError, PySystemError};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyDict, PyIterator, PyList, PyTuple};

use crate::error::to_python;
use crate::interpreter::interrupts;
use crate::interpreter::run::PerRun;
use crate::registry::arguments;
use crate::registry::created;
use crate::registry::custom::{PythonCollector, Restricted};
use crate::registry::families;
use crate::registry::registrable::{BeforeRead, Registrable, as_registrable, overrides_collect};

/// A set of metrics and custom collectors with distinct names.
///
/// If `auto_describe` is set, a custom collector without a method `describe()` is collected when it
/// is registered, to learn its names. `target_info` are labels of the process, exposed as the
/// metric `target_info`. All methods may be called from any thread.
#[pyclass(frozen, subclass, dict, weakref, module = "dataclay_metrics")]
pub(crate) struct CollectorRegistry {
    core: Registry,
    auto_describe: AtomicBool,
    objects: Mutex<Objects>,
    target_info: Mutex<Option<(Py<PyDict>, core::Info)>>,
}

/// The Python objects of the registered collectors, by their keys. The core decides what is
/// registered. This only finds the objects.
#[derive(Default)]
pub(crate) struct Objects {
    by_key: BTreeMap<String, Py<PyAny>>,
    /// The functions that run before a read, by the key of the object that needs them.
    before_read: HashMap<String, BeforeRead>,
}

impl Objects {
    /// Adds an object. Returns the previous object of its key. Drop that object when no lock is
    /// held, because its last drop runs code of the application.
    #[must_use]
    pub(crate) fn insert(
        &mut self,
        registrable: &dyn Registrable,
        object: Py<PyAny>,
    ) -> Option<Py<PyAny>> {
        let key = registrable.key()?;
        if let Some(before_read) = registrable.before_read() {
            self.before_read.insert(key.clone(), before_read);
        }
        self.by_key.insert(key, object)
    }

    /// Removes an object and returns it, to be dropped when no lock is held.
    #[must_use]
    fn remove(&mut self, key: &str) -> Option<Py<PyAny>> {
        self.before_read.remove(key);
        self.by_key.remove(key)
    }
}

static DEFAULT: PerRun<Py<CollectorRegistry>> = PerRun::new();

/// Returns the default registry, and makes it if there is none.
pub(crate) fn make_default_registry(
    py: Python<'_>,
    make: impl FnOnce() -> PyResult<CollectorRegistry>,
) -> PyResult<&'static Py<CollectorRegistry>> {
    DEFAULT.get_or_try_init(py, || Py::new(py, make()?))
}

/// Returns the default registry, `REGISTRY`.
pub(crate) fn default_registry(py: Python<'_>) -> PyResult<&'static Py<CollectorRegistry>> {
    let missing = || PySystemError::new_err("dataclay_metrics is not initialised");
    DEFAULT.get(py).ok_or_else(missing)
}

/// Returns the object as a registry of this class, unless its class is a subclass that collects in
/// Python.
pub(crate) fn native<'a, 'py>(
    object: &'a Bound<'py, PyAny>,
) -> Option<&'a Bound<'py, CollectorRegistry>> {
    object.cast().ok().filter(|_| !overrides_collect::<CollectorRegistry>(object))
}

#[pymethods]
impl CollectorRegistry {
    #[new]
    #[pyo3(
        signature = (*_arguments, **_keywords),
        text_signature = "(auto_describe=False, target_info=None, \
                          support_collectors_without_names=False)"
    )]
    fn new(_arguments: &Bound<'_, PyTuple>, _keywords: Option<&Bound<'_, PyDict>>) -> Self {
        CollectorRegistry::from_core(Registry::new(), false)
    }

    #[pyo3(signature = (
        auto_describe = false, target_info = None, support_collectors_without_names = false
    ))]
    fn __init__(
        slf: &Bound<'_, Self>,
        #[pyo3(from_py_with = arguments::truth)] auto_describe: bool,
        target_info: Option<Bound<'_, PyAny>>,
        #[pyo3(from_py_with = arguments::truth)] support_collectors_without_names: bool,
    ) -> PyResult<()> {
        // A restricted registry always collects these.
        let _ = support_collectors_without_names;
        let registry = slf.get();
        registry.auto_describe.store(auto_describe, Ordering::Relaxed);
        registry.set_target_labels(slf.py(), "target_info", target_info)
    }

    /// Registers a metric, or any object with a method `collect()` that returns `Metric`s.
    ///
    /// Raises `DuplicateTimeseries`, a `ValueError` that names both metrics, if one with the same
    /// name is registered. Raises `TypeError` if the object has no `collect()`.
    pub(crate) fn register(&self, collector: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Some(registrable) = as_registrable(collector) {
            return self.add(registrable, collector);
        }
        let custom = PythonCollector::new(collector, self.auto_describe.load(Ordering::Relaxed))?;
        let key = custom.id().to_string();
        let mut objects = self.objects(collector.py());
        if custom.describe().is_empty() && objects.by_key.contains_key(&key) {
            return Ok(());
        }
        self.core.register(&custom).map_err(to_python)?;
        objects.by_key.insert(key, collector.clone().unbind());
        Ok(())
    }

    /// Unregisters a metric or a collector. A metric keeps its value.
    ///
    /// Raises `KeyError` if it is not registered in this registry.
    fn unregister(&self, collector: &Bound<'_, PyAny>) -> PyResult<()> {
        let key = if let Some(registrable) = as_registrable(collector) {
            registrable.unregister_from(&self.core).map_err(to_python)?;
            registrable.key().unwrap_or_default()
        } else {
            let custom = PythonCollector::for_unregistering(collector);
            let known = self.core.unregister(&custom);
            known.map_err(|_| PyKeyError::new_err(format!("{collector} is not registered")))?;
            custom.id().to_string()
        };
        let removed = self.objects(collector.py()).remove(&key);
        drop(removed);
        Ok(())
    }

    /// Yields every registered `Metric`, with its samples.
    ///
    /// A custom collector that raises is skipped, and the logger `dataclay_metrics` logs the
    /// failure.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let registry = self.to_read(py)?;
        let families = interrupts::detached(py, || registry.gather())?;
        families::list_to_python(py, families)?.try_iter()
    }

    /// Returns a registry that collects only the samples of this one with these names.
    fn restricted_registry(&self, names: &Bound<'_, PyAny>) -> PyResult<CollectorRegistry> {
        let registry = self.to_read(names.py())?.clone();
        let names = arguments::names(names)?;
        let restricted = Registry::new();
        let part = Restricted { registry, names: Arc::new(names) };
        restricted.register(&part).map_err(to_python)?;
        Ok(CollectorRegistry::from_core(restricted, false))
    }

    /// Returns the value of the sample with this name and exactly these labels, or None.
    ///
    /// This is for tests, because it collects every metric.
    #[pyo3(signature = (name, labels = None))]
    fn get_sample_value(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = arguments::name)] name: String,
        #[pyo3(from_py_with = arguments::labels)] labels: Option<BTreeMap<String, String>>,
    ) -> PyResult<Option<f64>> {
        let labels = labels.unwrap_or_default();
        let registry = self.to_read(py)?;
        let families = interrupts::detached(py, || registry.gather())?;
        let families: Vec<_> = families.into_iter().map(families::with_created).collect();
        let of_name = families.iter().flat_map(|family| {
            let is_it = |sample: &&Sample| families::sample_name(family, sample) == name;
            family.samples.iter().filter(is_it)
        });
        let mut wanted = of_name.filter(|sample| {
            sample.labels.iter().count() == labels.len()
                && sample
                    .labels
                    .iter()
                    .all(|(label, value)| labels.get(label).is_some_and(|wanted| wanted == value))
        });
        Ok(wanted.next().map(|sample| families::number(sample.value)))
    }

    /// Sets the labels of `target_info`. None or an empty dict removes it.
    #[pyo3(signature = (labels))]
    fn set_target_info<'py>(
        &self,
        py: Python<'py>,
        labels: Option<Bound<'py, PyAny>>,
    ) -> PyResult<()> {
        self.set_target_labels(py, "labels", labels)
    }

    /// The objects that are registered.
    #[getter]
    fn _collectors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.objects(py).by_key.values().map(|object| object.bind(py)))
    }

    /// Returns the labels of `target_info`, or None.
    fn get_target_info<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyDict>> {
        let current = self.target_info.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(|(labels, _)| labels.bind(py).clone())
    }
}

impl CollectorRegistry {
    /// Sets the labels of `target_info`. Errors call the argument `name`.
    fn set_target_labels(
        &self,
        py: Python<'_>,
        name: &str,
        labels: Option<Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let facts = labels.as_ref().map(|labels| arguments::dict(name, labels)).transpose()?;
        let facts = facts.filter(|facts| !facts.is_empty());
        let labels = labels.map(Bound::cast_into::<PyDict>).transpose()?;
        let mut current =
            self.target_info.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let Some((labels, facts)) = labels.zip(facts) else {
            if let Some((_, info)) = current.take() {
                self.core.unregister(&info).map_err(to_python)?;
            }
            return Ok(());
        };
        if let Some((known, info)) = &mut *current {
            info.set(facts).map_err(to_python)?;
            *known = labels.unbind();
            return Ok(());
        }
        let info = core::Info::new("target_info", "Target metadata").map_err(to_python)?;
        info.set(facts).map_err(to_python)?;
        self.core.register(&info).map_err(to_python)?;
        *current = Some((labels.unbind(), info));
        Ok(())
    }

    pub(crate) fn from_core(core: Registry, auto_describe: bool) -> CollectorRegistry {
        let (objects, target_info) = (Mutex::default(), Mutex::default());
        let auto_describe = AtomicBool::new(auto_describe);
        CollectorRegistry { core, auto_describe, objects, target_info }
    }

    /// Returns the core's registry, for a caller that may never read it.
    pub(crate) fn unread(&self) -> &Registry {
        &self.core
    }

    /// Returns the core's registry, for a caller that will read it, once or repeatedly. It first
    /// runs the functions that registered objects need before a read. So a program that never reads
    /// a registry with a `GCCollector` does not pay for it.
    pub(crate) fn to_read(&self, py: Python<'_>) -> PyResult<&Registry> {
        let before_read: Vec<BeforeRead> = self.objects(py).before_read.values().copied().collect();
        before_read.into_iter().try_for_each(|run| run(py))?;
        if let Some(exposes) = created::chosen() {
            self.core.expose_created(exposes);
        }
        Ok(&self.core)
    }

    pub(crate) fn objects(&self, py: Python<'_>) -> MutexGuard<'_, Objects> {
        self.objects.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, registrable: &dyn Registrable, object: &Bound<'_, PyAny>) -> PyResult<()> {
        let mut objects = self.objects(object.py());
        registrable.register_in(&self.core).map_err(to_python)?;
        let before = objects.insert(registrable, object.clone().unbind());
        drop(objects);
        drop(before);
        Ok(())
    }
}
