//! Custom collectors: Python objects with `collect()`, as collectors of the core.

use std::collections::HashSet;
use std::sync::Arc;

use dataclay_metrics_core::{self as core, Collector, Desc, Labels, MetricFamily, Registry};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::callback::Callback;
use crate::error::to_python;
use crate::family::list_from_python;

/// A Python object with a method `collect()` that returns metric families.
#[derive(Clone)]
pub(crate) struct PythonCollector(Arc<Inner>);

struct Inner {
    id: usize,
    descs: Vec<Desc>,
    collect: Arc<core::Callback<Vec<MetricFamily>>>,
}

impl PythonCollector {
    /// Asks `describe()` what it yields, or `collect()` if there is no such method and
    /// `auto_describe` is set. Raises what they raise.
    pub(crate) fn new(object: &Bound<'_, PyAny>, auto_describe: bool) -> PyResult<PythonCollector> {
        if !object.hasattr("collect")? {
            let kind = object.get_type();
            let message = format!("a registry takes what has a method collect(), not {kind}");
            return Err(PyTypeError::new_err(message));
        }
        let families = match object.getattr_opt("describe")? {
            Some(describe) => list_from_python(&describe.call0()?)?,
            None if auto_describe => list_from_python(&object.call_method0("collect")?)?,
            None => Vec::new(),
        };
        let descs = families.iter().map(|family| {
            Desc::new(family.kind(), family.name(), family.help(), Labels::default())
        });
        let descs = descs.collect::<Result<Vec<_>, _>>().map_err(to_python)?;
        let what = format!("the collector {}", object.get_type().name()?);
        Ok(PythonCollector::of(what, object, descs))
    }

    /// Another handle on what an object was registered as, to unregister it.
    pub(crate) fn named(object: &Bound<'_, PyAny>) -> PyResult<PythonCollector> {
        let what = object.repr()?.to_string();
        Ok(PythonCollector::of(what, object, Vec::new()))
    }

    fn of(what: String, object: &Bound<'_, PyAny>, descs: Vec<Desc>) -> PythonCollector {
        let python = Callback::new(what.clone(), object.clone().unbind());
        let id = python.id();
        let collect = core::Callback::new(what, move || {
            python.call(|object| list_from_python(&object.call_method0("collect")?))
        });
        PythonCollector(Arc::new(Inner { id, descs, collect }))
    }
}

impl Collector for PythonCollector {
    fn describe(&self) -> Vec<Desc> {
        self.0.descs.clone()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.0.collect.call().unwrap_or_default()
    }

    fn id(&self) -> usize {
        self.0.id
    }
}

/// What of a registry has certain names, as a collector.
#[derive(Clone)]
pub(crate) struct Restricted {
    pub(crate) registry: Registry,
    pub(crate) names: Arc<HashSet<String>>,
}

impl Collector for Restricted {
    /// Nothing: what is there is decided when it is collected.
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.registry.gather();
        for family in &mut families {
            let name = family.name().to_owned();
            let wanted = |suffix: &str| self.names.contains(&format!("{name}{suffix}"));
            family.samples.retain(|sample| wanted(sample.suffix));
        }
        families.retain(|family| !family.samples.is_empty());
        families
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.names).addr()
    }
}
