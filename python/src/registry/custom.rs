//! Custom collectors: adapts Python objects with `collect()` to collectors of the core.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dataclay_metrics_core::{Call, Collector, Desc, Labels, MetricFamily, Registry};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::error::to_python;
use crate::interpreter::callback::{Callback, Families};
use crate::registry::created;
use crate::registry::families::{CREATED, sample_name, stem, with_created};
use crate::registry::yielded::{described, list_from_python};

/// A Python object with a method `collect()` that returns metric families.
#[derive(Clone)]
pub(crate) struct PythonCollector(Arc<State>);

struct State {
    /// The address of the object, which identifies it while this holds a reference.
    id: usize,
    descs: Vec<Desc>,
    /// `None` if this only finds a collector to unregister.
    families: Option<Families>,
    /// The number of samples that it returned last.
    samples: AtomicUsize,
}

impl PythonCollector {
    /// Gets the families of an object from `describe()`, or from `collect()` if there is no such
    /// method and `auto_describe` is set. Raises the exceptions of these methods.
    pub(crate) fn new(object: &Bound<'_, PyAny>, auto_describe: bool) -> PyResult<PythonCollector> {
        let class = object.get_type().name()?;
        if object.is_instance_of::<PyType>() {
            let name = object.cast::<PyType>()?.name()?;
            let message =
                format!("a registry accepts a collector, not the class {name}: call it first");
            return Err(PyTypeError::new_err(message));
        }
        let Some(collect) = object.getattr_opt("collect")? else {
            let message =
                format!("a registry accepts objects with a method collect(), not {class}");
            return Err(PyTypeError::new_err(message));
        };
        let families = match object.getattr_opt("describe")? {
            Some(describe) => described(&describe.call0()?)?,
            None if auto_describe => described(&collect.call0()?)?,
            None => Vec::new(),
        };
        let descs = families.iter().map(|family| {
            Desc::new(family.kind(), family.name(), family.help(), Labels::default())
        });
        let descs = descs.collect::<Result<Vec<_>, _>>().map_err(to_python)?;
        let callback = Callback::new(format!("the collector {class}"), object.clone().unbind());
        let families = Families::new(callback, list_from_python);
        let id = object.as_ptr().addr();
        Ok(PythonCollector(Arc::new(State {
            id,
            descs,
            families: Some(families),
            samples: AtomicUsize::new(0),
        })))
    }

    /// Returns a collector that is only used to find the registered collector of an object.
    pub(crate) fn for_unregistering(object: &Bound<'_, PyAny>) -> PythonCollector {
        let id = object.as_ptr().addr();
        PythonCollector(Arc::new(State {
            id,
            descs: Vec::new(),
            families: None,
            samples: AtomicUsize::new(0),
        }))
    }
}

impl Collector for PythonCollector {
    fn describe(&self) -> Vec<Desc> {
        self.0.descs.clone()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let families = self.0.families.as_ref().map(Families::collect).unwrap_or_default();
        let samples = families.iter().map(|family| family.samples.len()).sum();
        self.0.samples.store(samples, Ordering::Relaxed);
        families
    }

    fn series(&self) -> usize {
        self.0.samples.load(Ordering::Relaxed)
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(self.0.families.as_ref().map(Families::function).into_iter().collect())
    }

    fn id(&self) -> usize {
        self.0.id
    }
}

/// A collector of those samples of a registry that have certain names.
#[derive(Clone)]
pub(crate) struct Restricted {
    pub(crate) registry: Registry,
    pub(crate) names: Arc<HashSet<String>>,
}

impl Restricted {
    fn wants(&self, desc: &Desc) -> bool {
        desc.reserves_one_of(&*self.names)
    }
}

impl Collector for Restricted {
    /// Returns nothing, because the registry may have other metrics when it is collected.
    fn describe(&self) -> Vec<Desc> {
        Vec::new()
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(self.registry.functions(|desc| self.wants(desc)))
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.registry.gather_where(|desc| self.wants(desc));
        families = families.into_iter().map(with_created).collect();
        for family in &mut families {
            let mut samples = std::mem::take(&mut *family.samples);
            samples.retain(|sample| self.names.contains(&sample_name(family, sample)));
            let start = format!("{}{CREATED}", stem(family));
            if created::chosen() == Some(true) && !self.names.contains(&start) {
                // Otherwise the reader of the registry would add the sample again.
                for sample in &mut samples {
                    sample.created = None;
                }
            }
            *family.samples = samples;
        }
        families.retain(|family| !family.samples.is_empty());
        families
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.names).addr()
    }
}
