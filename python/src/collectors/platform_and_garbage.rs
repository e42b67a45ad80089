//! The collectors of the interpreter: the platform, the garbage collector.

use std::sync::Arc;

use dataclay_metrics_core::{
    Collector, Counter, Desc, Error, Family, Kind, Labels, MetricFamily, Registry, Sample, Value,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList};

use crate::error::to_python;
use crate::registry::collector_registry::Registered;
use crate::registry::families::list_to_python;
use crate::registry::registration::Registration;

/// The family `python_info`: which Python this is. `REGISTRY` has one, `PLATFORM_COLLECTOR`.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct PlatformCollector(Platform);

/// The families `python_gc_*`: what the garbage collector did, by generation. `REGISTRY` has one,
/// `GC_COLLECTOR`.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct GCCollector(Garbage);

#[derive(Clone)]
struct Platform(Arc<MetricFamily>);

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
        GARBAGE.get_or_try_init(py, Garbage::new).copied().map(GCCollector)
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

/// What this process's garbage collector did, by generation. Counted when a collection ends, in
/// `gc.callbacks`, so that a gather needs no interpreter to read it.
static GARBAGE: PyOnceLock<Garbage> = PyOnceLock::new();
/// Of each generation, the children of its families: there once they are counted.
static GENERATIONS: PyOnceLock<Vec<[Counter; 3]>> = PyOnceLock::new();

#[derive(Clone, Copy)]
struct Garbage(&'static [Family<Counter>; 3]);

impl Garbage {
    fn new() -> PyResult<Garbage> {
        let [collected, uncollectable, collections] = GC_FAMILIES
            .map(|(name, help, _)| Family::new(name, help, ["generation"]).map_err(to_python));
        // Kept for the life of the process, as `gc.callbacks` is.
        Ok(Garbage(Box::leak(Box::new([collected?, uncollectable?, collections?]))))
    }
}

/// Has every collection counted, from those on that have been. A second call does nothing.
pub(crate) fn count_collections(py: Python<'_>) -> PyResult<()> {
    let Some(Garbage(families)) = GARBAGE.get(py) else { return Ok(()) };
    let begin = || {
        // No collection between what has been and the first that is seen.
        let gc = py.import("gc")?;
        let enabled = gc.call_method0("isenabled")?.is_truthy()?;
        gc.call_method0("disable")?;
        let generations = begin_to_count(&gc, families);
        if enabled {
            gc.call_method0("enable")?;
        }
        generations
    };
    GENERATIONS.get_or_try_init(py, begin).map(|_| ())
}

fn begin_to_count(
    gc: &Bound<'_, PyModule>,
    families: &[Family<Counter>; 3],
) -> PyResult<Vec<[Counter; 3]>> {
    let mut generations = Vec::new();
    for (generation, stats) in gc.call_method0("get_stats")?.try_iter()?.enumerate() {
        let (stats, label) = (stats?, [generation.to_string()]);
        let child = |family: &Family<Counter>| family.with_labels(&label).map_err(to_python);
        let [collected, uncollectable, collections] = families.each_ref().map(child);
        let children = [collected?, uncollectable?, collections?];
        for (child, (_, _, key)) in children.iter().zip(GC_FAMILIES) {
            child.inc_by(stats.get_item(key)?.extract()?);
        }
        generations.push(children);
    }
    let see = wrap_pyfunction!(see_collection, gc.py())?;
    gc.getattr("callbacks")?.call_method1("append", (see,))?;
    Ok(generations)
}

/// Called by the garbage collector, before and after each collection.
#[pyfunction]
fn see_collection(phase: &str, info: &Bound<'_, PyDict>) -> PyResult<()> {
    let py = info.py();
    let Some(seen) = GENERATIONS.get(py).filter(|_| phase == "stop") else { return Ok(()) };
    let number = |key| info.as_any().get_item(key)?.extract::<usize>();
    let children = seen.get(number(intern!(py, "generation"))?);
    if let Some([collected, uncollectable, collections]) = children {
        collected.inc_by(number(intern!(py, "collected"))? as u64);
        uncollectable.inc_by(number(intern!(py, "uncollectable"))? as u64);
        collections.inc();
    }
    Ok(())
}

impl Collector for Garbage {
    fn describe(&self) -> Vec<Desc> {
        self.0.iter().flat_map(Collector::describe).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.0.iter().flat_map(Collector::collect).collect()
    }

    fn id(&self) -> usize {
        std::ptr::from_ref(self.0).addr()
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
    ($class:ident, $make:expr, $before:expr) => {
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
                let before: fn(Python<'_>) -> PyResult<()> = $before;
                before(py)?;
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

collector!(PlatformCollector, PlatformCollector::of_this, |_| Ok(()));
collector!(GCCollector, GCCollector::of_this, count_collections);
