//! `Info` for Python: facts, as the labels of a gauge that is always 1.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataclay_metrics_core::{self as core, Collector, Kind};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::definition::{Definition, NameParts};
use crate::error::to_python;
use crate::family;
use crate::label_values::{Labelled, label_values, wanted_values};
use crate::registration::Registration;
use crate::registry::{Made, Registered};

/// Facts about the process, such as the version of what it runs: the labels of a gauge that is 1.
///
/// The exposed name is namespace, subsystem and name, joined by `_`, with `_info` at its end. Use
/// `info()` to say the facts. Raises `ValueError` if a name is not valid, or taken in the registry
/// by another metric.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct Info {
    definition: Arc<Definition>,
    core: core::Info,
    /// Whose facts these are: the values of the metric's own labels.
    values: Vec<String>,
}

impl Labelled for Info {
    fn name(&self) -> &str {
        &self.definition.name
    }

    fn label_names(&self) -> &[String] {
        &self.definition.label_names
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
                          unit='', registry=...)"
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
        self.core.set(&self.values, val).map_err(to_python)
    }

    /// The child with these label values, positional in the order of `labelnames`, or by name.
    #[pyo3(signature = (*labelvalues, **labelkwargs))]
    fn labels(
        &self,
        labelvalues: &Bound<'_, PyTuple>,
        labelkwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Info> {
        self.check_parent()?;
        let values: Vec<String> = label_values(self, labelvalues, labelkwargs)?.extract()?;
        if self.core.get(&values).is_none() {
            let no_facts: [(String, String); 0] = [];
            self.core.set(&values, no_facts).map_err(to_python)?;
        }
        Ok(Info { definition: Arc::clone(&self.definition), core: self.core.clone(), values })
    }

    /// Exposes the child with these label values no longer; nothing happens if there is none.
    #[pyo3(signature = (*labelvalues))]
    fn remove(&self, labelvalues: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.check_parent()?;
        let values: Vec<String> = label_values(self, labelvalues, None)?.extract()?;
        self.core.remove(&values);
        Ok(())
    }

    /// Exposes no longer the children whose labels have all the values of this dict.
    fn remove_by_labels(&self, labels: &Bound<'_, PyAny>) -> PyResult<()> {
        self.check_parent()?;
        let wanted = wanted_values(self, labels)?;
        let own = self.definition.label_names.len();
        for child in self.core.collect().iter().flat_map(|family| &family.samples) {
            let values: Vec<&str> = child.labels.iter().take(own).map(|(_, value)| value).collect();
            if !wanted.is_empty() && wanted.iter().all(|(at, value)| values[*at] == value) {
                self.core
                    .remove(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
            }
        }
        Ok(())
    }

    /// Exposes none of the children any longer.
    fn clear(&self) {
        if !self.definition.label_names.is_empty() {
            self.core.clear();
        }
    }

    /// The metric as a list of one `Metric`, with its samples.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        family::list_to_python(py, &self.core.collect())
    }

    /// The same without samples.
    fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.definition.describe(py)
    }

    /// The exposed name, `_info` included.
    #[getter]
    fn name(&self) -> &str {
        &self.definition.name
    }

    /// The HELP text.
    #[getter]
    fn documentation(&self) -> &str {
        &self.definition.documentation
    }

    fn __repr__(&self) -> String {
        let labels = self.core.get(&self.values).unwrap_or_default();
        format!("<Info {}{labels}>", self.definition.name)
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
        Info::of(definition)
    }

    fn of(definition: Definition) -> PyResult<Info> {
        let Definition { name, documentation, label_names, .. } = &definition;
        let core = core::Info::new(name, documentation, label_names).map_err(to_python)?;
        Ok(Info { definition: Arc::new(definition), core, values: Vec::new() })
    }

    fn check_child(&self) -> PyResult<()> {
        if self.values.len() == self.definition.label_names.len() {
            return Ok(());
        }
        Err(self.definition.no_values())
    }

    fn check_parent(&self) -> PyResult<()> {
        if self.values.len() < self.definition.label_names.len() {
            return Ok(());
        }
        let name = &self.definition.name;
        Err(PyValueError::new_err(format!("info {name} has no labels that were not given yet")))
    }
}

impl Made for Info {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    fn make(_py: Python<'_>, definition: Definition) -> PyResult<Info> {
        Info::of(definition)
    }
}

impl Registered for Info {
    fn key(&self) -> String {
        self.definition().name.clone()
    }

    fn register_in(&self, registry: &core::Registry) -> Result<(), core::Error> {
        registry.register(&self.core)
    }

    fn unregister_from(&self, registry: &core::Registry) -> Result<(), core::Error> {
        registry.unregister(&self.core)
    }
}
