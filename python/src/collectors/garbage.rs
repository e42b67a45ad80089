//! `GCCollector` for Python, which describes the interpreter's garbage collector.

use std::sync::Arc;

use dataclay_metrics_core::{Call, Collector, Counter, Desc, Family, MetricFamily};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::error::to_python;
use crate::interpreter::run::PerRun;
use crate::registry::families::list_to_python;
use crate::registry::registrable::registrable_by_id;
use crate::registry::registration::Registration;

/// The families `python_gc_*`, which describe the garbage collector by generation.
///
/// `REGISTRY` has one, `GC_COLLECTOR`.
#[pyclass(frozen, dict, weakref, module = "dataclay_metrics")]
pub(crate) struct GCCollector(Garbage);

registrable_by_id!(GCCollector, before_read = count_collections);

impl GCCollector {
    pub(crate) fn make(py: Python<'_>) -> PyResult<GCCollector> {
        GARBAGE.get_or_try_init(py, Garbage::new).copied().map(GCCollector)
    }
}

#[pymethods]
impl GCCollector {
    #[new]
    #[pyo3(signature = (registry = Registration::Default))]
    fn new(py: Python<'_>, registry: Registration) -> PyResult<Bound<'_, GCCollector>> {
        let collector = Bound::new(py, GCCollector::make(py)?)?;
        registry.register(&collector)?;
        Ok(collector)
    }

    /// Returns the families as a list of `Metric`.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        count_collections(py)?;
        list_to_python(py, py.detach(|| self.0.collect()))
    }
}

/// Name, help, and the key in a generation's dict of `gc.get_stats()`.
const GC_FAMILIES: [(&str, &str, &str); 3] = [
    ("python_gc_objects_collected", "Objects collected during gc", "collected"),
    ("python_gc_objects_uncollectable", "Uncollectable objects found during GC", "uncollectable"),
    ("python_gc_collections", "Number of times this generation was collected", "collections"),
];

/// The families of this process. They are counted in `gc.callbacks`, when a collection ends, so
/// that a gather needs no interpreter to read them.
static GARBAGE: PerRun<Garbage> = PerRun::new();
/// The children of each generation, from the first read on.
static GENERATIONS: PerRun<Vec<[Counter; 3]>> = PerRun::new();

#[derive(Clone, Copy)]
struct Garbage(&'static [Family<Counter>; 3]);

impl Garbage {
    fn new() -> PyResult<Garbage> {
        let [collected, uncollectable, collections] = GC_FAMILIES
            .map(|(name, help, _)| Family::new(name, help, ["generation"]).map_err(to_python));
        // Kept for the life of the process, like `gc.callbacks`.
        Ok(Garbage(Box::leak(Box::new([collected?, uncollectable?, collections?]))))
    }
}

/// Adds the collections so far, and counts all later ones. A second call does nothing.
pub(crate) fn count_collections(py: Python<'_>) -> PyResult<()> {
    let Some(Garbage(families)) = GARBAGE.get(py) else { return Ok(()) };
    let begin = || {
        // The collector is disabled, so that no collection happens between the statistics and the
        // first callback.
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

/// Counts a collection. The garbage collector calls this before and after each one.
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

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(Vec::new())
    }

    fn id(&self) -> usize {
        std::ptr::from_ref(self.0).addr()
    }
}
