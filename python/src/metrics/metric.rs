//! What `Counter` and `Gauge` have in common: one metric, or a family of labelled children.

use std::sync::Arc;

use dataclay_metrics_core::{Collector, Error, Family, Labels, MetricFamily, Registry};
use pyo3::PyClass;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::error::to_python;
use crate::metrics::children::{Children, Wrapper};
use crate::metrics::definition::Definition;
use crate::registry::collector_registry::{Made, Registered};
use crate::registry::families;

/// A metric as Python holds it.
pub(crate) struct Metric<W: Wrapper> {
    pub(crate) definition: Arc<Definition>,
    state: State<W>,
}

enum State<W: Wrapper> {
    /// A metric without label names, or the child of one that has them.
    One(W::Core),
    /// A metric with label names: its values are in its children.
    Parent(Children<W>),
}

impl<W: Wrapper> Metric<W> {
    /// At zero, in no registry.
    fn new(py: Python<'_>, definition: Definition) -> PyResult<Metric<W>> {
        let Definition { name, documentation, unit, label_names, .. } = &definition;
        let state = if label_names.is_empty() {
            State::One(W::make_core(name, documentation, unit).map_err(to_python)?)
        } else {
            let label_names = label_names.iter().map(String::as_str);
            let family = Family::with_unit(name, documentation, unit, label_names);
            State::Parent(Children::new(py, family.map_err(to_python)?))
        };
        Ok(Metric { definition: Arc::new(definition), state })
    }

    /// A metric that the core has made.
    pub(crate) fn of_core(definition: Definition, core: W::Core) -> Metric<W> {
        Metric { definition: Arc::new(definition), state: State::One(core) }
    }

    /// What stands for the child `core` of this metric.
    pub(crate) fn child(&self, core: W::Core) -> Metric<W> {
        Metric { definition: Arc::clone(&self.definition), state: State::One(core) }
    }

    /// What counts, unless this is a parent.
    #[inline]
    pub(crate) fn one(&self) -> Option<&W::Core> {
        match &self.state {
            State::One(core) => Some(core),
            State::Parent(_) => None,
        }
    }

    /// What counts; a `ValueError` for a parent.
    #[inline]
    pub(crate) fn value(&self) -> PyResult<&W::Core> {
        self.one().ok_or_else(|| self.definition.no_values())
    }

    pub(crate) fn labels<'py>(
        &self,
        object: &W,
        values: &Bound<'py, PyTuple>,
        by_name: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, W>> {
        self.children()?.labels(object, values, by_name)
    }

    /// The children; a `ValueError` unless this is a parent.
    pub(crate) fn children(&self) -> PyResult<&Children<W>> {
        let definition = &self.definition;
        match &self.state {
            State::Parent(children) => Ok(children),
            State::One(_) if definition.label_names.is_empty() => Err(PyValueError::new_err(
                format!("{} {} has no labels", definition.kind.as_str(), definition.name),
            )),
            State::One(core) => Err(PyValueError::new_err(format!(
                "{} {}{} is a child: labels are given once",
                definition.kind.as_str(),
                definition.name,
                W::labels_of(core)
            ))),
        }
    }

    pub(crate) fn clear(&self, py: Python<'_>) {
        if let State::Parent(children) = &self.state {
            children.clear(py);
        }
    }

    /// What `# HELP`, `# TYPE` and the samples say now, as Python's families.
    pub(crate) fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let families: Vec<MetricFamily> = py.detach(|| match &self.state {
            State::One(core) => core.collect(),
            State::Parent(children) => children.family.collect(),
        });
        families::list_to_python(py, &families)
    }

    /// The same without samples.
    pub(crate) fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.definition.describe(py)
    }

    /// `<Counter name{label="value"} = 3>`, or what a parent has.
    pub(crate) fn repr(
        &self,
        value: impl FnOnce(&W::Core) -> PyResult<String>,
    ) -> PyResult<String> {
        let (class, name) = (<W as PyClass>::NAME, &self.definition.name);
        match &self.state {
            State::One(core) => {
                let labels: &Labels = W::labels_of(core);
                let labels = if labels.is_empty() { String::new() } else { labels.to_string() };
                Ok(format!("<{class} {name}{labels} = {}>", value(core)?))
            }
            State::Parent(children) => {
                let labels = self.definition.label_names.join(",");
                let number = children.family.len();
                let plural = if number == 1 { "child" } else { "children" };
                Ok(format!("<{class} {name}{{{labels}}} with {number} {plural}>"))
            }
        }
    }
}

impl<W: Wrapper> Made for W {
    fn definition(&self) -> &Definition {
        &self.metric().definition
    }

    fn make(py: Python<'_>, definition: Definition) -> PyResult<W> {
        Metric::new(py, definition).map(W::of)
    }
}

impl<W: Wrapper> Registered for W {
    fn key(&self) -> String {
        self.definition().name.clone()
    }

    fn register_in(&self, registry: &Registry) -> Result<(), Error> {
        match &self.metric().state {
            State::One(core) => registry.register(core),
            State::Parent(children) => registry.register(&children.family),
        }
    }

    fn unregister_from(&self, registry: &Registry) -> Result<(), Error> {
        match &self.metric().state {
            State::One(core) => registry.unregister(core),
            State::Parent(children) => registry.unregister(&children.family),
        }
    }
}
