//! The common part of `Counter`, `Gauge` and `Info`: one metric, or a family of labelled children.

use std::sync::Arc;

use dataclay_metrics_core::{self as core, Collector, Error, Family, Registry};
use pyo3::PyClass;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::error::to_python;
use crate::interpreter::interrupts;
use crate::metrics::children::Children;
use crate::registry::definition::{Definition, OwnOptions};
use crate::registry::families;
use crate::registry::registrable::{MetricClass, Registrable};

/// A Python class that wraps a metric type of the core. [`metric_class`] implements it.
pub(crate) trait Wrapper:
    PyClass<Frozen = True> + Into<PyClassInitializer<Self>> + Sync
{
    type Core: core::Metric<Options: OwnOptions>;

    fn from_metric(metric: Metric<Self>) -> Self;

    fn metric(&self) -> &Metric<Self>;

    /// Makes a metric without labels, at zero.
    fn make_core(definition: &Definition) -> Result<Self::Core, Error>;
}

/// A metric as Python holds it.
pub(crate) struct Metric<W: Wrapper> {
    pub(crate) definition: Arc<Definition>,
    state: State<W::Core>,
}

enum State<C: core::Metric> {
    /// A metric without label names, or the child of one that has them.
    One(C),
    /// A metric with label names: its values are in its children.
    Parent(Children<C>),
}

fn make_family<C: core::Metric<Options: OwnOptions>>(
    definition: &Definition,
) -> Result<Family<C>, Error> {
    Family::with_opts(definition.opts(), &definition.label_names)
}

fn labels_of<C: core::Metric>(metric: &C) -> &core::Labels {
    metric.desc().labels()
}

impl<W: Wrapper> Metric<W> {
    /// Makes a metric at zero, in no registry.
    fn new(py: Python<'_>, definition: Definition) -> PyResult<Metric<W>> {
        let state = if definition.label_names.is_empty() {
            State::One(W::make_core(&definition).map_err(to_python)?)
        } else {
            State::Parent(Children::new(py, make_family(&definition).map_err(to_python)?))
        };
        Ok(Metric { definition: Arc::new(definition), state })
    }

    /// Wraps a metric that the core has made.
    pub(crate) fn from_core(definition: Arc<Definition>, core: W::Core) -> Metric<W> {
        Metric { definition, state: State::One(core) }
    }

    /// Returns the core's metric; `None` for a parent.
    #[inline]
    pub(crate) fn one(&self) -> Option<&W::Core> {
        match &self.state {
            State::One(core) => Some(core),
            State::Parent(_) => None,
        }
    }

    /// Returns the core's metric; a `ValueError` for a parent.
    #[inline]
    pub(crate) fn value(&self) -> PyResult<&W::Core> {
        self.one().ok_or_else(|| self.definition.no_values())
    }

    /// Returns the child with these label values; a `ValueError` unless this is a parent.
    pub(crate) fn labels<'py>(
        &self,
        values: &Bound<'py, PyTuple>,
        by_name: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, W>> {
        let definition = &self.definition;
        let wrap = |core| W::from_metric(Metric::from_core(Arc::clone(definition), core));
        self.children()?.labels(values, by_name, wrap)
    }

    /// Returns the children; a `ValueError` unless this is a parent.
    pub(crate) fn children(&self) -> PyResult<&Children<W::Core>> {
        let definition = &self.definition;
        match &self.state {
            State::Parent(children) => Ok(children),
            State::One(_) if definition.label_names.is_empty() => Err(PyValueError::new_err(
                format!("{} {} has no labels", definition.kind.word(), definition.name),
            )),
            State::One(core) => Err(PyValueError::new_err(format!(
                "{} {}{} is a child: labels are given once",
                definition.kind.word(),
                definition.name,
                labels_of(core)
            ))),
        }
    }

    pub(crate) fn clear(&self, py: Python<'_>) {
        if let State::Parent(children) = &self.state {
            children.clear(py);
        }
    }

    /// Returns the metric with its samples, as Python's families.
    pub(crate) fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        // Detached: a gauge's function attaches by itself.
        let families = interrupts::detached(py, || match &self.state {
            State::One(core) => Collector::collect(core),
            State::Parent(children) => children.family.collect(),
        })?;
        families::list_to_python(py, &families)
    }

    /// Returns `<Counter name{label="value"} = 3>`, or the number of children of a parent. `show`
    /// writes all that follows the name of one metric.
    pub(crate) fn repr(&self, show: impl FnOnce(&W::Core) -> PyResult<String>) -> PyResult<String> {
        let (class, name) = (<W as PyClass>::NAME, &self.definition.name);
        match &self.state {
            State::One(core) => Ok(format!("<{class} {name}{}>", show(core)?)),
            State::Parent(children) => {
                let labels = self.definition.label_names.join(",");
                let number = children.family.len();
                let plural = if number == 1 { "child" } else { "children" };
                Ok(format!("<{class} {name}{{{labels}}} with {number} {plural}>"))
            }
        }
    }
}

/// Returns labels as `{name="value"}`; nothing if there are none.
pub(crate) fn braced(labels: &core::Labels) -> String {
    if labels.is_empty() { String::new() } else { labels.to_string() }
}

impl<W: Wrapper> MetricClass for W {
    fn definition(&self) -> &Definition {
        &self.metric().definition
    }

    fn make(py: Python<'_>, definition: Definition) -> PyResult<W> {
        Metric::new(py, definition).map(W::from_metric)
    }
}

impl<W: Wrapper> Registrable for W {
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

/// Writes the methods of a Python class that wraps a metric type of the core: those between the
/// braces, and those of all such classes.
///
/// A macro, because `PyO3` takes one block of methods for each class. Its feature
/// `multiple-pymethods` lifts that, but adds a dependency and code that runs when the module is
/// loaded.
macro_rules! metric_class {
    ($class:ident wraps $core:ty { $($own:tt)* }) => {
        impl $crate::metrics::metric::Wrapper for $class {
            type Core = $core;

            fn from_metric(metric: $crate::metrics::metric::Metric<$class>) -> $class {
                $class(metric)
            }

            fn metric(&self) -> &$crate::metrics::metric::Metric<$class> {
                &self.0
            }

            fn make_core(
                definition: &$crate::registry::definition::Definition,
            ) -> Result<$core, dataclay_metrics_core::Error> {
                <$core>::with_opts(definition.opts())
            }
        }

        #[pyo3::pymethods]
        impl $class {
            $($own)*

            /// Returns the child with these label values.
            ///
            /// They are positional, in the order of `labelnames`, or by name. Values are converted
            /// with `str`. The first call with a set of values makes the child. Keep a child that
            /// is used often: the lookup costs more than an increment.
            #[pyo3(signature = (*labelvalues, **labelkwargs))]
            fn labels<'py>(
                &self,
                labelvalues: &pyo3::Bound<'py, pyo3::types::PyTuple>,
                labelkwargs: Option<&pyo3::Bound<'py, pyo3::types::PyDict>>,
            ) -> pyo3::PyResult<pyo3::Bound<'py, $class>> {
                self.0.labels(labelvalues, labelkwargs)
            }

            /// Removes the child with these label values, if there is one.
            #[pyo3(signature = (*labelvalues))]
            fn remove(
                &self,
                labelvalues: &pyo3::Bound<'_, pyo3::types::PyTuple>,
            ) -> pyo3::PyResult<()> {
                self.0.children()?.remove(labelvalues)
            }

            /// Removes the children whose labels have all values of this dict.
            fn remove_by_labels(
                &self,
                labels: &pyo3::Bound<'_, pyo3::PyAny>,
            ) -> pyo3::PyResult<()> {
                self.0.children()?.remove_by_labels(labels)
            }

            /// Removes all children.
            fn clear(&self, py: pyo3::Python<'_>) {
                self.0.clear(py);
            }

            /// Returns a list of one `Metric`: this metric with its samples.
            fn collect<'py>(
                &self,
                py: pyo3::Python<'py>,
            ) -> pyo3::PyResult<pyo3::Bound<'py, pyo3::types::PyList>> {
                self.0.collect(py)
            }

            /// Returns a list of one `Metric`: this metric without samples.
            fn describe<'py>(
                &self,
                py: pyo3::Python<'py>,
            ) -> pyo3::PyResult<pyo3::Bound<'py, pyo3::types::PyList>> {
                self.0.definition.describe(py)
            }

            /// The exposed name: of a counter with `_total`, of an info with `_info`.
            #[getter]
            fn name(&self) -> &str {
                &self.0.definition.name
            }

            /// The help text.
            #[getter]
            fn documentation(&self) -> &str {
                &self.0.definition.documentation
            }
        }
    };
}
pub(crate) use metric_class;
