//! The default registry: the metrics of dataClay, and the collectors that every process has.

use std::sync::OnceLock;

use dataclay_metrics_core::dataclay::{DataClay, Role};
use dataclay_metrics_core::health::Health;
use dataclay_metrics_core::prometheus::ProcessMetrics;
use dataclay_metrics_core::{self as core, Desc, Error, Registry};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::collectors::platform_and_garbage::{GCCollector, PlatformCollector};
use crate::collectors::process::ProcessCollector;
use crate::error::to_python;
use crate::metrics::counter::Counter;
use crate::metrics::definition::Definition;
use crate::metrics::gauge::Gauge;
use crate::metrics::metric::Metric;
use crate::registry::collector_registry::{CollectorRegistry, Registered};

/// The default registry and what it is born with.
pub(crate) struct Defaults {
    pub(crate) registry: Registry,
    dataclay: DataClay,
    process: ProcessMetrics,
}

pub(crate) fn defaults() -> Result<&'static Defaults, Error> {
    static DEFAULTS: OnceLock<Result<Defaults, Error>> = OnceLock::new();
    DEFAULTS
        .get_or_init(|| {
            let registry = Registry::new();
            let dataclay = DataClay::new()?;
            dataclay.register(Role::Backend, &registry)?;
            let process = ProcessMetrics::new();
            registry.register(&process)?;
            registry.register(&Health)?;
            Ok(Defaults { registry, dataclay, process })
        })
        .as_ref()
        .map_err(Clone::clone)
}

static DEFAULT_REGISTRY: PyOnceLock<Py<CollectorRegistry>> = PyOnceLock::new();

/// `REGISTRY`: the default registry as Python knows it.
pub(crate) fn default_registry(py: Python<'_>) -> PyResult<&Py<CollectorRegistry>> {
    DEFAULT_REGISTRY.get_or_try_init(py, || {
        let Defaults { registry, dataclay, .. } = defaults().map_err(to_python)?;
        let default = CollectorRegistry::of_core(registry.clone(), true);
        let mut objects = default.objects(py);
        for gauge in gauges(dataclay) {
            let object = Gauge(Metric::of_core(of_desc(gauge.desc()), gauge.clone()));
            objects.insert(gauge.name().to_owned(), Py::new(py, object)?.into_any());
        }
        for counter in counters(dataclay) {
            let object = Counter(Metric::of_core(of_desc(counter.desc()), counter.clone()));
            objects.insert(counter.name().to_owned(), Py::new(py, object)?.into_any());
        }
        drop(objects);
        Py::new(py, default)
    })
}

fn gauges(dataclay: &DataClay) -> [&core::Gauge; 3] {
    [&dataclay.inmemory_objects, &dataclay.loaded_objects, &dataclay.stored_objects]
}

fn counters(dataclay: &DataClay) -> [&core::Counter; 2] {
    [&dataclay.inmemory_misses_total, &dataclay.inmemory_hits_total]
}

fn of_desc(desc: &Desc) -> Definition {
    Definition {
        kind: desc.kind(),
        name: desc.name().to_owned(),
        documentation: desc.help().to_owned(),
        label_names: Vec::new(),
        unit: String::new(),
    }
}

/// Adds `REGISTRY`, the five metrics, and the collectors that every process has.
pub(crate) fn add_defaults(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let registry = default_registry(py)?.bind(py);
    for (name, object) in &*registry.get().objects(py) {
        module.add(name.as_str(), object)?;
    }
    let process = ProcessCollector::known(defaults().map_err(to_python)?.process.clone());
    let process = Bound::new(py, process)?;
    // Registered already: this only says by which object.
    registry.get().objects(py).insert(process.get().key(), process.clone().into_any().unbind());
    let platform = Bound::new(py, PlatformCollector::of_this(py)?)?;
    registry.get().register(&platform)?;
    let garbage = Bound::new(py, GCCollector::of_this(py)?)?;
    registry.get().register(&garbage)?;
    module.add("REGISTRY", registry)?;
    module.add("PROCESS_COLLECTOR", process)?;
    module.add("PLATFORM_COLLECTOR", platform)?;
    module.add("GC_COLLECTOR", garbage)
}

/// Leaves in the default registry those of the five dataClay metrics that `service_name` exports.
///
/// Raises `ValueError` unless it is backend, client, metadata or proxy.
#[pyfunction]
pub(crate) fn select_role(service_name: &str) -> PyResult<()> {
    let role: Role = service_name.parse().map_err(to_python)?;
    let Defaults { registry, dataclay, .. } = defaults().map_err(to_python)?;
    dataclay.unregister(registry);
    dataclay.register(role, registry).map_err(to_python)
}
