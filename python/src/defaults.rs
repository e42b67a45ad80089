//! The default registry: the metrics of dataClay, and the collectors that every process has.

use dataclay_metrics_core::dataclay::{DataClay, Role};
use dataclay_metrics_core::health::Health;
use dataclay_metrics_core::process::ProcessMetrics;
use dataclay_metrics_core::segment::Siblings;
use dataclay_metrics_core::{Error, Registry};
use pyo3::PyClass;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;

use crate::collectors::garbage::GCCollector;
use crate::collectors::platform::PlatformCollector;
use crate::collectors::process::ProcessCollector;
use crate::error::to_python;
use crate::interpreter::run::PerRun;
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

fn defaults(py: Python<'_>) -> PyResult<&'static Defaults> {
    static DEFAULTS: PerRun<Defaults> = PerRun::new();
    let make = || -> Result<Defaults, Error> {
        let registry = Registry::new();
        let dataclay = DataClay::new()?;
        dataclay.register(Role::Backend, &registry)?;
        let process = ProcessMetrics::new();
        registry.register(&process)?;
        registry.register(&Health)?;
        registry.register(&Siblings)?;
        Ok(Defaults { registry, dataclay, process })
    };
    DEFAULTS.get_or_try_init(py, || make().map_err(to_python))
}

type Named = (String, Py<PyAny>);

/// Adds `REGISTRY`, the five metrics, and the collectors that every process has. A module that is
/// imported again has the same objects.
pub(crate) fn add_defaults(module: &Bound<'_, PyModule>) -> PyResult<()> {
    static OBJECTS: PerRun<Vec<Named>> = PerRun::new();
    let py = module.py();
    for (name, object) in OBJECTS.get_or_try_init(py, || make_objects(py))? {
        module.add(name, object)?;
    }
    Ok(())
}

fn make_objects(py: Python<'_>) -> PyResult<Vec<Named>> {
    let Defaults { registry, dataclay, process } = defaults(py)?;
    let make = || Ok(CollectorRegistry::from_core(registry.clone(), true));
    let default = make_default_registry(py, make)?.bind(py);
    let mut objects = Vec::new();
    for gauge in [&dataclay.inmemory_objects, &dataclay.loaded_objects, &dataclay.stored_objects] {
        let definition = Definition::from_desc(gauge.desc());
        let object = Metric::<Gauge>::from_core(py, definition, gauge.clone())?;
        objects.push(registered(default, gauge.name(), object));
    }
    for counter in [&dataclay.inmemory_misses_total, &dataclay.inmemory_hits_total] {
        let definition = Definition::from_desc(counter.desc());
        let object = Metric::<Counter>::from_core(py, definition, counter.clone())?;
        objects.push(registered(default, counter.name(), object));
    }
    let process = Bound::new(py, ProcessCollector::from_core(process.clone()))?;
    objects.push(registered(default, "PROCESS_COLLECTOR", process));
    let platform = Bound::new(py, PlatformCollector::make(py)?)?.into_any();
    let garbage = Bound::new(py, GCCollector::make(py)?)?.into_any();
    for (name, collector) in [("PLATFORM_COLLECTOR", platform), ("GC_COLLECTOR", garbage)] {
        default.get().register(&collector)?;
        objects.push((name.to_owned(), collector.unbind()));
    }
    objects.push(("REGISTRY".to_owned(), default.clone().into_any().unbind()));
    Ok(objects)
}

/// Adds the object of a collector that is already in the core's registry.
fn registered<T: PyClass<Frozen = True> + Registrable + Sync>(
    registry: &Bound<'_, CollectorRegistry>,
    name: &str,
    object: Bound<'_, T>,
) -> Named {
    let unbound = object.clone().into_any().unbind();
    let before = registry.get().objects(registry.py()).insert(object.get(), unbound);
    drop(before);
    (name.to_owned(), object.into_any().unbind())
}

/// Keeps the dataClay metrics that `service_name` exports, and removes the others from the default
/// registry.
///
/// Raises `ValueError` unless it is backend, client, metadata or proxy.
#[pyfunction]
pub(crate) fn keep_role_metrics(py: Python<'_>, service_name: &str) -> PyResult<()> {
    let role: Role = service_name.parse().map_err(to_python)?;
    let Defaults { registry, dataclay, .. } = defaults(py)?;
    dataclay.unregister(registry);
    dataclay.register(role, registry).map_err(to_python)
}
