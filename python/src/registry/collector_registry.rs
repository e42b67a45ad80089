//! `CollectorRegistry` for Python.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dataclay_metrics_core::{Collector, Error, Registry};
use pyo3::PyClass;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::sync::MutexExt;
use pyo3::types::{PyDict, PyIterator};

use crate::collectors::platform_and_garbage::{self, GCCollector, PlatformCollector};
use crate::collectors::process::ProcessCollector;
use crate::error::to_python;
use crate::metrics::counter::Counter;
use crate::metrics::definition::Definition;
use crate::metrics::gauge::Gauge;
use crate::metrics::info::Info;
use crate::registry::custom::{PythonCollector, Restricted};
use crate::registry::families;

/// A set of metrics and custom collectors with distinct names, gathered together.
///
/// `auto_describe` has a custom collector without a method `describe()` collected when it is
/// registered, to learn its names. `target_info` are labels of the process, exposed as the metric
/// `target_info`. All methods may be called from any thread.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct CollectorRegistry(Registry, Options);

struct Options {
    auto_describe: bool,
    /// The Python objects behind what is registered, by name or by address. What counts is what
    /// the core has: this only finds the object for it.
    objects: Mutex<HashMap<String, Py<PyAny>>>,
    target_info: Mutex<Option<(Py<PyDict>, Py<Info>)>>,
    /// Whether a `GCCollector` is registered.
    has_garbage: AtomicBool,
}

/// A metric that a registry takes.
pub(crate) trait Registered {
    /// What finds its Python object.
    fn key(&self) -> String;
    fn register_in(&self, registry: &Registry) -> Result<(), Error>;
    fn unregister_from(&self, registry: &Registry) -> Result<(), Error>;
}

/// The Python class of one.
pub(crate) trait Made:
    Registered + PyClass<Frozen = True> + Into<PyClassInitializer<Self>> + Sync
{
    fn definition(&self) -> &Definition;

    /// At zero, in no registry.
    fn make(py: Python<'_>, definition: Definition) -> PyResult<Self>;
}

fn metric<'a>(object: &'a Bound<'_, PyAny>) -> Option<&'a dyn Registered> {
    if let Ok(counter) = object.cast::<Counter>() {
        Some(counter.get())
    } else if let Ok(gauge) = object.cast::<Gauge>() {
        Some(gauge.get())
    } else if let Ok(info) = object.cast::<Info>() {
        Some(info.get())
    } else if let Ok(process) = object.cast::<ProcessCollector>() {
        Some(process.get())
    } else if let Ok(platform) = object.cast::<PlatformCollector>() {
        Some(platform.get())
    } else if let Ok(garbage) = object.cast::<GCCollector>() {
        Some(garbage.get())
    } else {
        None
    }
}

#[pymethods]
impl CollectorRegistry {
    #[new]
    #[pyo3(signature = (
        auto_describe = false, target_info = None, support_collectors_without_names = false
    ))]
    fn new<'py>(
        py: Python<'py>,
        auto_describe: bool,
        target_info: Option<Bound<'py, PyDict>>,
        support_collectors_without_names: bool,
    ) -> PyResult<CollectorRegistry> {
        // Those are always there when a restricted registry is collected.
        let _ = support_collectors_without_names;
        let registry = CollectorRegistry::of_core(Registry::new(), auto_describe);
        registry.set_target_info(py, target_info)?;
        Ok(registry)
    }

    /// Adds a metric, or any object with a method `collect()` that returns `Metric`s.
    ///
    /// Raises `DuplicateTimeseries`, a `ValueError` that names both, if one of the same name is
    /// registered already; `TypeError` if it has no `collect()`.
    pub(crate) fn register(&self, collector: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Some(metric) = metric(collector) {
            return self.add(collector.py(), metric, collector);
        }
        let custom = PythonCollector::new(collector, self.1.auto_describe)?;
        let key = custom.id().to_string();
        let mut objects = self.objects(collector.py());
        if custom.describe().is_empty() && objects.contains_key(&key) {
            return Ok(());
        }
        self.0.register(&custom).map_err(to_python)?;
        objects.insert(key, collector.clone().unbind());
        Ok(())
    }

    /// Removes a metric or a collector; a metric keeps its value. Raises `KeyError` if it is not
    /// registered here.
    fn unregister(&self, collector: &Bound<'_, PyAny>) -> PyResult<()> {
        let key = if let Some(metric) = metric(collector) {
            metric.unregister_from(&self.0).map_err(to_python)?;
            metric.key()
        } else {
            let custom = PythonCollector::of(collector);
            let known = self.0.unregister(&custom);
            known.map_err(|_| PyKeyError::new_err(format!("{collector} is not registered")))?;
            custom.id().to_string()
        };
        if collector.is_instance_of::<GCCollector>() {
            self.1.has_garbage.store(false, Ordering::Relaxed);
        }
        let removed = self.objects(collector.py()).remove(&key);
        // Not under the lock: it may be the last reference, and run code of the caller's.
        drop(removed);
        Ok(())
    }

    /// Every `Metric` that is registered, with its samples. A custom collector that raises is left
    /// out, and the logger `dataclay_metrics` says so.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        let registry = self.to_read(py)?;
        let families = py.detach(|| registry.gather());
        families::list_to_python(py, &families)?.try_iter()
    }

    /// A registry that collects of this one only the samples with these names.
    fn restricted_registry(&self, names: &Bound<'_, PyAny>) -> PyResult<CollectorRegistry> {
        let registry = self.to_read(names.py())?.clone();
        let names = names.try_iter()?.map(|name| name?.extract()).collect::<PyResult<_>>()?;
        let restricted = Registry::new();
        let part = Restricted { registry, names: Arc::new(names) };
        restricted.register(&part).map_err(to_python)?;
        Ok(CollectorRegistry::of_core(restricted, false))
    }

    /// The value of the sample with this name and exactly these labels, or None. For tests: it
    /// collects everything.
    #[pyo3(signature = (name, labels = None))]
    fn get_sample_value(
        &self,
        py: Python<'_>,
        name: &str,
        labels: Option<BTreeMap<String, String>>,
    ) -> PyResult<Option<f64>> {
        let labels = labels.unwrap_or_default();
        let registry = self.to_read(py)?;
        let families = py.detach(|| registry.gather());
        let of_name = families.iter().flat_map(|family| {
            let suffix = name.strip_prefix(family.name());
            family.samples.iter().filter(move |sample| suffix == Some(sample.suffix))
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

    /// Has the labels of `target_info` be these; None or an empty dict removes it.
    #[pyo3(signature = (labels))]
    fn set_target_info<'py>(
        &self,
        py: Python<'py>,
        labels: Option<Bound<'py, PyDict>>,
    ) -> PyResult<()> {
        let labels = labels.filter(|labels| !labels.is_empty());
        let facts = labels.as_ref().map(|labels| labels.extract()).transpose()?;
        let mut current =
            self.1.target_info.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        let Some((labels, facts)) = labels.zip(facts) else {
            if let Some((_, info)) = current.take() {
                info.get().unregister_from(&self.0).map_err(to_python)?;
            }
            return Ok(());
        };
        if let Some((known, info)) = &mut *current {
            info.get().info(facts)?;
            *known = labels.unbind();
            return Ok(());
        }
        let info = Info::target()?;
        info.info(facts)?;
        info.register_in(&self.0).map_err(to_python)?;
        *current = Some((labels.unbind(), Py::new(py, info)?));
        Ok(())
    }

    /// The labels of `target_info`, or None.
    fn get_target_info<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyDict>> {
        let current =
            self.1.target_info.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        current.as_ref().map(|(labels, _)| labels.bind(py).clone())
    }
}

impl CollectorRegistry {
    pub(crate) fn of_core(registry: Registry, auto_describe: bool) -> CollectorRegistry {
        let objects = Mutex::new(HashMap::new());
        CollectorRegistry(
            registry,
            Options {
                auto_describe,
                objects,
                target_info: Mutex::default(),
                has_garbage: AtomicBool::new(false),
            },
        )
    }

    /// The core's registry, for whoever will read it: from now on the interpreter's collections are
    /// counted, if it has their collector. Who exports none of them does not pay for it.
    pub(crate) fn to_read(&self, py: Python<'_>) -> PyResult<&Registry> {
        if self.1.has_garbage.load(Ordering::Relaxed) {
            platform_and_garbage::count_collections(py)?;
        }
        Ok(&self.0)
    }

    pub(crate) fn objects(&self, py: Python<'_>) -> MutexGuard<'_, HashMap<String, Py<PyAny>>> {
        self.1.objects.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }

    fn add(
        &self,
        py: Python<'_>,
        metric: &dyn Registered,
        object: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let mut objects = self.objects(py);
        metric.register_in(&self.0).map_err(to_python)?;
        if object.is_instance_of::<GCCollector>() {
            self.1.has_garbage.store(true, Ordering::Relaxed);
        }
        let before = objects.insert(metric.key(), object.clone().unbind());
        drop(objects);
        drop(before);
        Ok(())
    }

    /// The metric of this definition: the one that is registered already, or a new one.
    pub(crate) fn metric<'py, M: Made>(
        &self,
        py: Python<'py>,
        definition: Definition,
    ) -> PyResult<Bound<'py, M>> {
        if let Some(known) = self.known(py, &definition)? {
            return Ok(known);
        }
        let made = Bound::new(py, M::make(py, definition)?)?;
        match self.add(py, made.get(), made.as_any()) {
            Ok(()) => Ok(made),
            // Another thread may have been faster.
            Err(error) => self.known(py, made.get().definition())?.ok_or(error),
        }
    }

    fn known<'py, M: Made>(
        &self,
        py: Python<'py>,
        definition: &Definition,
    ) -> PyResult<Option<Bound<'py, M>>> {
        let known = self.objects(py).get(&definition.name).map(|known| known.clone_ref(py));
        let known = known.and_then(|known| known.into_bound(py).cast_into::<M>().ok());
        let Some(known) = known.filter(|known| known.get().definition() == definition) else {
            return Ok(None);
        };
        match known.get().register_in(&self.0) {
            // It is there, or it had been taken out without this registry's knowledge.
            Ok(()) | Err(Error::Duplicate { .. }) => Ok(Some(known)),
            Err(error) => Err(to_python(error)),
        }
    }
}
