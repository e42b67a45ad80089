//! `Info` for Python: facts, as the labels of a gauge that is always 1.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use dataclay_metrics_core::{self as core, Collector, Desc, Kind, Labels, MetricFamily, Sample, Value};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::definition::{Definition, NameParts};
use crate::error::to_python;
use crate::family;
use crate::label_values::{Labelled, label_values};
use crate::registration::Registration;
use crate::registry::{Made, Registered};

/// Facts about the process, such as the version of what it runs: the labels of a gauge that is 1.
///
/// The exposed name is namespace, subsystem and name, joined by `_`, with `_info` at its end. Use
/// `info()` to say the facts. Raises `ValueError` if a name is not valid, or taken in the registry
/// by another metric.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct Info {
    facts: Facts,
    /// Whose facts these are: the values of the metric's own labels.
    values: Vec<String>,
}

/// What all children of an info share, and what a registry gathers.
#[derive(Clone)]
struct Facts(Arc<Inner>);

struct Inner {
    definition: Definition,
    /// The family, without samples.
    empty: MetricFamily,
    /// All labels, by the values of the metric's own.
    all: RwLock<BTreeMap<Vec<String>, Labels>>,
}

impl Facts {
    fn new(definition: Definition) -> Result<Facts, core::Error> {
        let Definition { kind, name, documentation, label_names, .. } = &definition;
        let own = Labels::new(label_names.iter().map(|name| (name.as_str(), "")))?;
        let empty = MetricFamily::new(*kind, name, documentation)?;
        let mut all = BTreeMap::new();
        if own.is_empty() {
            all.insert(Vec::new(), own);
        }
        Ok(Facts(Arc::new(Inner { definition, empty, all: RwLock::new(all) })))
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Vec<String>, Labels>> {
        self.0.all.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Vec<String>, Labels>> {
        self.0.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The metric's own labels with these values, and further ones.
    fn labels(
        &self,
        values: &[String],
        more: impl IntoIterator<Item = (String, String)>,
    ) -> PyResult<Labels> {
        let own = self.0.definition.label_names.iter().cloned().zip(values.iter().cloned());
        Labels::new(own.chain(more)).map_err(to_python)
    }
}

impl Collector for Facts {
    fn describe(&self) -> Vec<Desc> {
        let Definition { kind, name, documentation, .. } = &self.0.definition;
        // Ok: the name was checked when this was made.
        Desc::new(*kind, name, documentation, Labels::default()).into_iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut family = self.0.empty.clone();
        for labels in self.read().values() {
            let value = Value::Integer(1);
            family.samples.push(Sample { suffix: "", labels: labels.clone(), value });
        }
        vec![family]
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl Labelled for Facts {
    fn name(&self) -> &str {
        &self.0.definition.name
    }

    fn label_names(&self) -> &[String] {
        &self.0.definition.label_names
    }
}

#[pymethods]
impl Info {
    #[new]
    #[pyo3(
        signature = (
            name, documentation, labelnames = vec![], namespace = "", subsystem = "", unit = "",
            registry = Registration::Default
        ),
        text_signature = "(name, documentation, labelnames=(), namespace='', subsystem='', \
                          unit='', registry=REGISTRY)"
    )]
    #[expect(clippy::too_many_arguments, reason = "the constructor of prometheus_client")]
    fn new<'py>(
        py: Python<'py>,
        name: &str,
        documentation: &str,
        labelnames: Vec<String>,
        namespace: &str,
        subsystem: &str,
        unit: &str,
        registry: Registration,
    ) -> PyResult<Bound<'py, Info>> {
        let parts = NameParts { name, namespace, subsystem, unit };
        registry.metric(py, Definition::new(Kind::Info, parts, documentation, labelnames)?)
    }

    /// Says the facts, a dict of label name to value; those said before are forgotten.
    pub(crate) fn info(&self, val: BTreeMap<String, String>) -> PyResult<()> {
        self.check_child()?;
        let labels = self.facts.labels(&self.values, val)?;
        self.facts.write().insert(self.values.clone(), labels);
        Ok(())
    }

    /// The child with these label values, positional in the order of `labelnames`, or by name.
    #[pyo3(signature = (*labelvalues, **labelkwargs))]
    fn labels(
        &self,
        labelvalues: &Bound<'_, PyTuple>,
        labelkwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Info> {
        self.check_parent()?;
        let values = label_values(&self.facts, labelvalues, labelkwargs)?;
        let values: Vec<String> = values.extract()?;
        let labels = self.facts.labels(&values, [])?;
        self.facts.write().entry(values.clone()).or_insert(labels);
        Ok(Info { facts: self.facts.clone(), values })
    }

    /// Exposes the child with these label values no longer; nothing happens if there is none.
    #[pyo3(signature = (*labelvalues))]
    fn remove(&self, labelvalues: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.check_parent()?;
        let values: Vec<String> = label_values(&self.facts, labelvalues, None)?.extract()?;
        self.facts.write().remove(&values);
        Ok(())
    }

    /// Exposes none of the children any longer.
    fn clear(&self) {
        if !self.facts.label_names().is_empty() {
            self.facts.write().clear();
        }
    }

    /// The metric as a list of one `Metric`, with its samples.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        family::list_to_python(py, &self.facts.collect())
    }

    /// The same without samples.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        family::list_to_python(py, std::slice::from_ref(&self.facts.0.empty))
    }

    /// The exposed name, `_info` included.
    #[getter]
    fn name(&self) -> &str {
        self.facts.name()
    }

    /// The HELP text.
    #[getter]
    fn documentation(&self) -> &str {
        &self.facts.0.definition.documentation
    }

    fn __repr__(&self) -> String {
        let labels = self.facts.read().get(&self.values).cloned().unwrap_or_default();
        format!("<Info {}{labels}>", self.facts.name())
    }
}

impl Info {
    /// What says the labels of the process.
    pub(crate) fn target() -> PyResult<Info> {
        let definition = Definition {
            kind: Kind::Info,
            name: "target_info".to_owned(),
            documentation: "Target metadata".to_owned(),
            label_names: Vec::new(),
            unit: String::new(),
        };
        Ok(Info { facts: Facts::new(definition).map_err(to_python)?, values: Vec::new() })
    }

    fn check_child(&self) -> PyResult<()> {
        if self.values.len() == self.facts.label_names().len() {
            return Ok(());
        }
        Err(self.facts.0.definition.no_values())
    }

    fn check_parent(&self) -> PyResult<()> {
        if self.values.len() < self.facts.label_names().len() {
            return Ok(());
        }
        let name = self.facts.name();
        Err(PyValueError::new_err(format!("info {name} has no labels that were not given yet")))
    }
}

impl Made for Info {
    fn definition(&self) -> &Definition {
        &self.facts.0.definition
    }

    fn make(_py: Python<'_>, definition: Definition) -> PyResult<Info> {
        let facts = Facts::new(definition).map_err(to_python)?;
        Ok(Info { facts, values: Vec::new() })
    }
}

impl Registered for Info {
    fn key(&self) -> String {
        self.definition().name.clone()
    }

    fn register_in(&self, registry: &core::Registry) -> Result<(), core::Error> {
        registry.register(&self.facts)
    }

    fn unregister_from(&self, registry: &core::Registry) -> Result<(), core::Error> {
        registry.unregister(&self.facts)
    }
}
