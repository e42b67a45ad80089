//! The default registry: the metrics of dataClay, and the collectors that every process has.

use std::sync::{Arc, OnceLock};

use dataclay_metrics_core::dataclay::{DataClay, Role};
use dataclay_metrics_core::health::Health;
use dataclay_metrics_core::process::ProcessMetrics;
use dataclay_metrics_core::{Error, Registry};
use pyo3::PyClass;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

use crate::collectors::garbage::GCCollector;
use crate::collectors::platform::PlatformCollector;
use crate::collectors::process::ProcessCollector;
use crate::error::to_python;
use crate::metrics::counter::Counter;
use crate::metrics::gauge::Gauge;
use crate::metrics::metric::Metric;
use crate::registry::collector_registry::{CollectorRegistry, make_default_registry};
use crate::registry::definition::Definition;
use crate::registry::registrable::Registrable;

/// The core's part of the default registry.
struct Defaults {
    registry: Registry,
    dataclay: DataClay,
    process: ProcessMetrics,
}

fn defaults() -> PyResult<&'static Defaults> {
    static DEFAULTS: OnceLock<Result<Defaults, Error>> = OnceLock::new();
    let make = || {
        let registry = Registry::new();
        let dataclay = DataClay::new()?;
        dataclay.register(Role::Backend, &registry)?;
        let process = ProcessMetrics::new();
        registry.register(&process)?;
        registry.register(&Health)?;
        Ok(Defaults { registry, dataclay, process })
    };
    DEFAULTS.get_or_init(make).as_ref().map_err(|error| to_python(error.clone()))
}

/// Adds `REGISTRY`, the five metrics, and the collectors that every process has.
pub(crate) fn add_defaults(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let Defaults { registry, dataclay, process } = defaults()?;
    let make = || Ok(CollectorRegistry::from_core(registry.clone(), true));
    let default = make_default_registry(py, make)?.bind(py);
    for gauge in [&dataclay.inmemory_objects, &dataclay.loaded_objects, &dataclay.stored_objects] {
        let definition = Arc::new(Definition::from_desc(gauge.desc()));
        let object = Gauge(Metric::from_core(definition, gauge.clone()));
        add_registered(module, default, gauge.name(), object)?;
    }
    for counter in [&dataclay.inmemory_misses_total, &dataclay.inmemory_hits_total] {
        let definition = Arc::new(Definition::from_desc(counter.desc()));
        let object = Counter(Metric::from_core(definition, counter.clone()));
        add_registered(module, default, counter.name(), object)?;
    }
    let process = ProcessCollector::from_core(process.clone());
    add_registered(module, default, "PROCESS_COLLECTOR", process)?;
    let platform = Bound::new(py, PlatformCollector::make(py)?)?;
    default.get().register(&platform)?;
    module.add("PLATFORM_COLLECTOR", platform)?;
    let garbage = Bound::new(py, GCCollector::make(py)?)?;
    default.get().register(&garbage)?;
    module.add("GC_COLLECTOR", garbage)?;
    module.add("REGISTRY", default)
}

/// Adds the Python object of a collector that the core's registry holds already.
fn add_registered<T: PyClass<Frozen = True> + Into<PyClassInitializer<T>> + Registrable + Sync>(
    module: &Bound<'_, PyModule>,
    registry: &Bound<'_, CollectorRegistry>,
    name: &str,
    object: T,
) -> PyResult<()> {
    let object = Bound::new(module.py(), object)?;
    let unbound = object.clone().into_any().unbind();
    let before = registry.get().objects(module.py()).insert(object.get(), unbound);
    drop(before);
    module.add(name, object)
}

/// Leaves in the default registry those of the five dataClay metrics that `service_name` exports.
///
/// Raises `ValueError` unless it is backend, client, metadata or proxy.
#[pyfunction]
pub(crate) fn select_role(service_name: &str) -> PyResult<()> {
    let role: Role = service_name.parse().map_err(to_python)?;
    let Defaults { registry, dataclay, .. } = defaults()?;
    dataclay.unregister(registry);
    dataclay.register(role, registry).map_err(to_python)
}
