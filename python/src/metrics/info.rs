//! `Info` for Python: facts, as the labels of a gauge that is always 1.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataclay_metrics_core::{self as core, Collector, Kind};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::error::to_python;
use crate::metrics::definition::{Definition, NameParts};
use crate::metrics::label_values::{Labelled, label_values, wanted_values};
use crate::registry::collector_registry::{Made, Registered};
use crate::registry::families;
use crate::registry::registration::Registration;

/// Facts about the process, such as the version of what it runs: the labels of a gauge that is 1.
///
/// The exposed name is namespace, subsystem and name, joined by `_`, with `_info` at its end. Use
/// `info()` to say the facts. Raises `ValueError` if a name is not valid, or taken in the registry
/// by another metric.
#[pyclass(frozen, module = "dataclay_metrics")]
pub(crate) struct Info {
    definition: Arc<Definition>,
    state: State,
}

enum State {
    /// An info without label names, or the child of one that has them.
    One(core::Info),
    /// An info with label names: the facts are in its children.
    Parent(core::Family<core::Info>),
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
        match &self.state {
            State::One(core) => core.set(val).map_err(to_python),
            State::Parent(_) => Err(self.definition.no_values()),
        }
    }

    /// The child with these label values, positional in the order of `labelnames`, or by name.
    #[pyo3(signature = (*labelvalues, **labelkwargs))]
    fn labels(
        &self,
        labelvalues: &Bound<'_, PyTuple>,
        labelkwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Info> {
        let family = self.parent()?;
        let values: Vec<String> = label_values(self, labelvalues, labelkwargs)?.extract()?;
        let child = family.with_labels(&values).map_err(to_python)?;
        Ok(Info { definition: Arc::clone(&self.definition), state: State::One(child) })
    }

    /// Exposes the child with these label values no longer; nothing happens if there is none.
    #[pyo3(signature = (*labelvalues))]
    fn remove(&self, labelvalues: &Bound<'_, PyTuple>) -> PyResult<()> {
        let family = self.parent()?;
        let values: Vec<String> = label_values(self, labelvalues, None)?.extract()?;
        family.remove(&values);
        Ok(())
    }

    /// Exposes no longer the children whose labels have all the values of this dict.
    fn remove_by_labels(&self, labels: &Bound<'_, PyAny>) -> PyResult<()> {
        let family = self.parent()?;
        let wanted = wanted_values(self, labels)?;
        let own = self.definition.label_names.len();
        for child in family.collect().iter().flat_map(|family| &family.samples) {
            let values: Vec<&str> = child.labels.iter().take(own).map(|(_, value)| value).collect();
            if !wanted.is_empty() && wanted.iter().all(|(at, value)| values[*at] == value) {
                family.remove(&values);
            }
        }
        Ok(())
    }

    /// Exposes none of the children any longer.
    fn clear(&self) {
        if let State::Parent(family) = &self.state {
            family.clear();
        }
    }

    /// The metric as a list of one `Metric`, with its samples.
    fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        families::list_to_python(
            py,
            &match &self.state {
                State::One(core) => core.collect(),
                State::Parent(family) => family.collect(),
            },
        )
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
        let labels = match &self.state {
            State::One(core) => core.labels(),
            State::Parent(_) => core::Labels::default(),
        };
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
        let state = if label_names.is_empty() {
            State::One(core::Info::new(name, documentation).map_err(to_python)?)
        } else {
            let family = core::Family::new(name, documentation, label_names);
            State::Parent(family.map_err(to_python)?)
        };
        Ok(Info { definition: Arc::new(definition), state })
    }

    fn parent(&self) -> PyResult<&core::Family<core::Info>> {
        match &self.state {
            State::Parent(family) => Ok(family),
            State::One(_) => {
                let name = &self.definition.name;
                let rule = "has no labels that were not given yet";
                Err(PyValueError::new_err(format!("info {name} {rule}")))
            }
        }
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
        match &self.state {
            State::One(core) => registry.register(core),
            State::Parent(family) => registry.register(family),
        }
    }

    fn unregister_from(&self, registry: &core::Registry) -> Result<(), core::Error> {
        match &self.state {
            State::One(core) => registry.unregister(core),
            State::Parent(family) => registry.unregister(family),
        }
    }
}
