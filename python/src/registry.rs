//! `CollectorRegistry` for Python, and the default one with the metrics of dataClay.

use std::sync::OnceLock;

use dataclay_metrics_core::dataclay::{DataClay, Role};
use dataclay_metrics_core::health::Health;
use dataclay_metrics_core::prometheus::ProcessMetrics;
use dataclay_metrics_core::{Collector, Error, Registry};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::counter::Counter;
use crate::error::to_python;
use crate::gauge::Gauge;

/// A set of metrics with distinct names, gathered together.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct CollectorRegistry(pub(crate) Registry);

#[pymethods]
impl CollectorRegistry {
    #[new]
    fn new() -> CollectorRegistry {
        CollectorRegistry(Registry::new())
    }

    /// Adds a metric.
    ///
    /// Raises `ValueError`, naming both metrics, if one of the same name is registered already.
    fn register(&self, collector: &Bound<'_, PyAny>) -> PyResult<()> {
        match Metric::try_from(collector)? {
            Metric::Counter(counter) => self.0.register(&counter.get().0),
            Metric::Gauge(gauge) => self.0.register(&gauge.get().0),
        }
        .map_err(to_python)
    }

    /// Removes a metric; it keeps its value. Raises `KeyError` if it is not registered here.
    fn unregister(&self, collector: &Bound<'_, PyAny>) -> PyResult<()> {
        match Metric::try_from(collector)? {
            Metric::Counter(counter) => self.0.unregister(&counter.get().0),
            Metric::Gauge(gauge) => self.0.unregister(&gauge.get().0),
        }
        .map_err(to_python)
    }
}

/// What a registry takes.
enum Metric<'a, 'py> {
    Counter(&'a Bound<'py, Counter>),
    Gauge(&'a Bound<'py, Gauge>),
}

impl<'a, 'py> TryFrom<&'a Bound<'py, PyAny>> for Metric<'a, 'py> {
    type Error = PyErr;

    fn try_from(object: &'a Bound<'py, PyAny>) -> PyResult<Metric<'a, 'py>> {
        if let Ok(counter) = object.cast::<Counter>() {
            Ok(Metric::Counter(counter))
        } else if let Ok(gauge) = object.cast::<Gauge>() {
            Ok(Metric::Gauge(gauge))
        } else {
            let kind = object.get_type();
            Err(PyTypeError::new_err(format!("a registry takes a Counter or a Gauge, not {kind}")))
        }
    }
}

/// An argument `registry` whose default is the default registry.
pub(crate) enum Registration {
    /// Not given: the default registry.
    Default,
    /// Given.
    In(Registry),
    /// None: nowhere.
    Nowhere,
}

impl FromPyObject<'_, '_> for Registration {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Registration> {
        if object.is_none() {
            return Ok(Registration::Nowhere);
        }
        Ok(Registration::In(object.cast::<CollectorRegistry>()?.get().0.clone()))
    }
}

impl Registration {
    /// The registry that was meant; `None` for nowhere.
    fn registry(self) -> PyResult<Option<Registry>> {
        Ok(match self {
            Registration::Default => Some(defaults().map_err(to_python)?.registry.clone()),
            Registration::In(registry) => Some(registry),
            Registration::Nowhere => None,
        })
    }

    pub(crate) fn register<C: Collector + Clone>(self, collector: &C) -> PyResult<()> {
        self.registry()?.map_or(Ok(()), |to| to.register(collector)).map_err(to_python)
    }

    /// The registry that was meant, by a function that needs one.
    pub(crate) fn required(self) -> PyResult<Registry> {
        self.registry()?.ok_or_else(|| PyTypeError::new_err("registry must not be None"))
    }
}

/// The default registry and what it is born with.
struct Defaults {
    registry: Registry,
    dataclay: DataClay,
}

fn defaults() -> Result<&'static Defaults, Error> {
    static DEFAULTS: OnceLock<Result<Defaults, Error>> = OnceLock::new();
    DEFAULTS
        .get_or_init(|| {
            let registry = Registry::new();
            let dataclay = DataClay::new()?;
            dataclay.register(Role::Backend, &registry)?;
            registry.register(&ProcessMetrics::new())?;
            registry.register(&Health)?;
            Ok(Defaults { registry, dataclay })
        })
        .as_ref()
        .map_err(Clone::clone)
}

/// Adds `REGISTRY` and the five metrics.
pub(crate) fn add_defaults(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let Defaults { registry, dataclay } = defaults().map_err(to_python)?;
    module.add("REGISTRY", CollectorRegistry(registry.clone()))?;
    for gauge in [&dataclay.inmemory_objects, &dataclay.loaded_objects, &dataclay.stored_objects] {
        module.add(gauge.name(), Gauge(gauge.clone()))?;
    }
    for counter in [&dataclay.inmemory_misses_total, &dataclay.inmemory_hits_total] {
        module.add(counter.name(), Counter(counter.clone()))?;
    }
    Ok(())
}

/// Leaves in the default registry those of the five dataClay metrics that `service_name` exports.
///
/// Raises `ValueError` unless it is backend, client, metadata or proxy.
#[pyfunction]
pub(crate) fn select_role(service_name: &str) -> PyResult<()> {
    let role: Role = service_name.parse().map_err(to_python)?;
    let Defaults { registry, dataclay } = defaults().map_err(to_python)?;
    dataclay.unregister(registry);
    dataclay.register(role, registry).map_err(to_python)
}
