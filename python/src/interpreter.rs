//! The collectors of the interpreter: the platform, the garbage collector.

use std::sync::Arc;

use dataclay_metrics_core::{
    Collector, Desc, Error, Kind, Labels, MetricFamily, Registry, Sample, Value,
};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::callback::{Callback, Families};
use crate::error::to_python;
use crate::family::list_to_python;
use crate::registration::Registration;
use crate::registry::Registered;

/// The family `python_info`: which Python this is. `REGISTRY` has one, `PLATFORM_COLLECTOR`.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct PlatformCollector(Platform);

/// The families `python_gc_*`: what the garbage collector did, by generation. `REGISTRY` has one,
/// `GC_COLLECTOR`.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct GCCollector(Garbage);

#[derive(Clone)]
struct Platform(Arc<MetricFamily>);

#[derive(Clone)]
struct Garbage(Arc<Families>);

impl PlatformCollector {
    pub(crate) fn of_this(py: Python<'_>) -> PyResult<PlatformCollector> {
        let sys = py.import("sys")?;
        let text: String = sys.getattr("version")?.extract()?;
        // As `platform.python_version()` has it, whose import would cost more than all of ours.
        let version = text.split_whitespace().next().unwrap_or_default();
        let mut parts = version.splitn(3, '.');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        let labels = Labels::new([
            ("version", version.to_owned()),
            ("implementation", "CPython".to_owned()),
            ("major", part()),
            ("minor", part()),
            ("patchlevel", part()),
        ]);
        let labels = labels.map_err(to_python)?;
        let mut family =
            MetricFamily::new(Kind::Gauge, "python_info", "Python platform information")
                .map_err(to_python)?;
        family.samples.push(Sample { suffix: "", labels, value: Value::Integer(1) });
        Ok(PlatformCollector(Platform(Arc::new(family))))
    }
}

impl GCCollector {
    pub(crate) fn of_this(py: Python<'_>) -> PyResult<GCCollector> {
        let get_stats = py.import("gc")?.getattr("get_stats")?.unbind();
        let callback = Callback::new("the collector of python_gc_*".to_owned(), get_stats);
        let families = Families::new(callback, Garbage::read);
        Ok(GCCollector(Garbage(Arc::new(families))))
    }
}

impl Collector for Platform {
    fn describe(&self) -> Vec<Desc> {
        descs(std::slice::from_ref(&*self.0))
    }

    fn collect(&self) -> Vec<MetricFamily> {
        vec![MetricFamily::clone(&self.0)]
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

/// Name, help, and the key in a generation's dict of `gc.get_stats()`.
const GC_FAMILIES: [(&str, &str, &str); 3] = [
    ("python_gc_objects_collected", "Objects collected during gc", "collected"),
    ("python_gc_objects_uncollectable", "Uncollectable objects found during GC", "uncollectable"),
    ("python_gc_collections", "Number of times this generation was collected", "collections"),
];

impl Garbage {
    fn empty() -> Result<Vec<MetricFamily>, Error> {
        GC_FAMILIES
            .iter()
            .map(|(name, help, _)| MetricFamily::new(Kind::Counter, name, help))
            .collect()
    }

    fn read(get_stats: &Bound<'_, PyAny>) -> PyResult<Vec<MetricFamily>> {
        let mut families = Garbage::empty().map_err(to_python)?;
        for (generation, stats) in get_stats.call0()?.try_iter()?.enumerate() {
            let stats = stats?;
            for (family, (_, _, key)) in families.iter_mut().zip(GC_FAMILIES) {
                let labels = Labels::new([("generation", generation.to_string())]);
                let value = Value::Integer(stats.get_item(key)?.extract()?);
                let labels = labels.map_err(to_python)?;
                family.samples.push(Sample { suffix: "", labels, value });
            }
        }
        Ok(families)
    }
}

impl Collector for Garbage {
    fn describe(&self) -> Vec<Desc> {
        // Ok: the names are valid.
        descs(&Garbage::empty().unwrap_or_default())
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.0.collect()
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

fn descs(families: &[MetricFamily]) -> Vec<Desc> {
    // Ok: each is the name of a family already.
    let desc = |family: &MetricFamily| {
        Desc::new(family.kind(), family.name(), family.help(), Labels::default()).ok()
    };
    families.iter().filter_map(desc).collect()
}

/// What both classes have in common: made for a registry, `collect()`, taken out by identity.
macro_rules! collector {
    ($class:ident, $make:expr) => {
        #[pymethods]
        impl $class {
            #[new]
            #[pyo3(signature = (registry = Registration::Default))]
            fn new(py: Python<'_>, registry: Registration) -> PyResult<Bound<'_, $class>> {
                let make: fn(Python<'_>) -> PyResult<$class> = $make;
                let collector = Bound::new(py, make(py)?)?;
                registry.register(&collector)?;
                Ok(collector)
            }

            /// The families, now.
            fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
                list_to_python(py, &py.detach(|| self.0.collect()))
            }
        }

        impl Registered for $class {
            fn key(&self) -> String {
                self.0.id().to_string()
            }

            fn register_in(&self, registry: &Registry) -> Result<(), Error> {
                registry.register(&self.0)
            }

            fn unregister_from(&self, registry: &Registry) -> Result<(), Error> {
                registry.unregister(&self.0)
            }
        }
    };
}

collector!(PlatformCollector, PlatformCollector::of_this);
collector!(GCCollector, GCCollector::of_this);
