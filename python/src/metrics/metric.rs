//! The common part of all metric classes: one metric, or a family of labelled children.

use std::sync::{Arc, OnceLock};

use dataclay_metrics_core::{self as core, Collector, Error, Family, Registry};
use pyo3::PyClass;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pyclass::boolean_struct::True;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};

use crate::error::to_python;
use crate::interpreter::interrupts;
use crate::metrics::children::ChildObjects;
use crate::metrics::subclass::{Subclass, make_object};
use crate::registry::created;
use crate::registry::definition::{Definition, OwnOptions};
use crate::registry::families;
use crate::registry::multiproc;
use crate::registry::registrable::Registrable;
use crate::registry::registration::Registration;

/// A Python class that wraps a metric type of the core. The macro in `class.rs` implements it.
pub(crate) trait Wrapper: PyClass<Frozen = True> + Sync {
    type Core: core::Metric<Options: OwnOptions>;

    /// Returns the class that programs see.
    fn subclass() -> &'static Subclass;

    fn metric(&self) -> &Metric<Self>;

    /// Makes a metric without labels, at zero.
    fn make_core(definition: &Definition) -> Result<Self::Core, Error>;
}

/// A metric as Python holds it: made by `__new__`, and set once by `__init__` or by its parent.
pub(crate) struct Metric<W: Wrapper>(OnceLock<Made<W::Core>>);

struct Made<C: core::Metric> {
    definition: Arc<Definition>,
    state: State<C>,
}

enum State<C: core::Metric> {
    /// A metric without label names, or the child of one that has them.
    One(C),
    /// A metric with label names: its values are in its children.
    Parent(Arc<ChildObjects<C>>),
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
    /// Returns the object that `__new__` makes, without a metric.
    pub(crate) fn unset() -> Metric<W> {
        Metric(OnceLock::new())
    }

    /// Returns an object for a metric that the core has made.
    pub(crate) fn from_core(
        py: Python<'_>,
        definition: Definition,
        core: W::Core,
    ) -> PyResult<Bound<'_, W>> {
        let object = make_object(&W::subclass().of::<W>(py)?)?.cast_into::<W>()?;
        let made = Made { definition: Arc::new(definition), state: State::One(core) };
        object.get().metric().set(made)?;
        Ok(object)
    }

    /// Implements `__init__`: makes `object` a metric at zero, and registers it.
    pub(crate) fn init(
        object: &Bound<'_, W>,
        definition: Definition,
        registration: Registration,
    ) -> PyResult<()> {
        let state = if definition.label_names.is_empty() {
            let now = created::now(object.py())?;
            State::One(created::began(now, || W::make_core(&definition)).map_err(to_python)?)
        } else {
            let family = make_family(&definition).map_err(to_python)?;
            State::Parent(Arc::new(ChildObjects::new(object.py(), family)))
        };
        let (metric, merge) = (object.get().metric(), definition.multiprocess_mode);
        metric.set(Made { definition: Arc::new(definition), state })?;
        if let Some(core) = metric.one() {
            multiproc::enter(object.py(), merge, core);
        }
        registration.register(object.as_any())
    }

    /// Implements `__copy__`: returns another object of the same class for the same metric.
    pub(crate) fn copy<'py>(object: &Bound<'py, W>) -> PyResult<Bound<'py, W>> {
        let Made { definition, state } = object.get().metric().made()?;
        let state = match state {
            State::One(core) => State::One(core.clone()),
            State::Parent(children) => State::Parent(Arc::clone(children)),
        };
        let copy = make_alike(object)?;
        copy.get().metric().set(Made { definition: Arc::clone(definition), state })?;
        Ok(copy)
    }

    fn set(&self, made: Made<W::Core>) -> PyResult<()> {
        self.0.set(made).map_err(|made| {
            let Definition { kind, name, .. } = &*made.definition;
            let message = format!("{} {name} is made already: __init__ runs once", kind.word());
            PyRuntimeError::new_err(message)
        })
    }

    fn made(&self) -> PyResult<&Made<W::Core>> {
        self.0.get().ok_or_else(|| {
            let class = <W as PyClass>::NAME;
            PyRuntimeError::new_err(format!("{class}.__init__() was not called"))
        })
    }

    /// Returns the definition. Raises an error before `__init__`.
    pub(crate) fn definition(&self) -> PyResult<&Definition> {
        Ok(&self.made()?.definition)
    }

    /// Returns the core's metric; `None` for a parent, and before `__init__`.
    #[inline]
    pub(crate) fn one(&self) -> Option<&W::Core> {
        match self.0.get() {
            Some(Made { state: State::One(core), .. }) => Some(core),
            _ => None,
        }
    }

    /// Returns the core's metric. Raises `ValueError` for a parent.
    #[inline]
    pub(crate) fn value(&self) -> PyResult<&W::Core> {
        match self.one() {
            Some(core) => Ok(core),
            None => Err(self.made()?.definition.no_values()),
        }
    }

    /// Returns the child of `parent` with these label values. Raises `ValueError` if `parent` has
    /// no label names.
    pub(crate) fn labels<'py>(
        parent: &Bound<'py, W>,
        values: &Bound<'py, PyTuple>,
        by_name: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, W>> {
        let metric = parent.get().metric();
        let make = || make_alike(parent);
        let mut is_new = false;
        let set = |child: &Bound<'py, W>, core| {
            is_new = true;
            let definition = Arc::clone(&metric.made()?.definition);
            child.get().metric().set(Made { definition, state: State::One(core) })
        };
        let child = metric.children()?.labels(values, by_name, make, set)?;
        if let Some(core) = child.get().metric().one().filter(|_| is_new) {
            multiproc::enter(child.py(), metric.definition()?.multiprocess_mode, core);
        }
        Ok(child)
    }

    /// Returns the children. Raises `ValueError` if this is not a parent.
    pub(crate) fn children(&self) -> PyResult<&ChildObjects<W::Core>> {
        let Made { definition, state } = self.made()?;
        match state {
            State::Parent(children) => Ok(children),
            State::One(_) if definition.label_names.is_empty() => Err(PyValueError::new_err(
                format!("{} {} has no labels", definition.kind.word(), definition.name),
            )),
            State::One(core) => Err(PyValueError::new_err(format!(
                "{} {}{} is a child: it has all its labels, and no children",
                definition.kind.word(),
                definition.name,
                labels_of(core)
            ))),
        }
    }

    /// Returns the label values of a child, in the order of the label names. Empty for any other
    /// metric.
    pub(crate) fn label_values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        match &self.made()?.state {
            State::One(core) => {
                let values: Vec<&str> = labels_of(core).iter().map(|(_, value)| value).collect();
                PyTuple::new(py, values)
            }
            State::Parent(_) => Ok(PyTuple::empty(py)),
        }
    }

    /// Returns a copy of the dict of children, by their label values.
    pub(crate) fn child_objects<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        match &self.made()?.state {
            State::Parent(children) => children.objects(py),
            State::One(_) => Ok(PyDict::new(py)),
        }
    }

    pub(crate) fn clear(&self, py: Python<'_>) -> PyResult<()> {
        if let State::Parent(children) = &self.made()?.state {
            children.clear(py);
        }
        Ok(())
    }

    /// Returns the metric with its samples, as Python's families.
    pub(crate) fn collect<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let made = self.made()?;
        // Detached, because a gauge's function attaches itself.
        let families = interrupts::detached(py, || match &made.state {
            State::One(core) => Collector::collect(core),
            State::Parent(children) => children.family.collect(),
        })?;
        families::list_to_python(py, families)
    }

    /// Returns `<Counter name{label="value"} = 3>`, or the number of children of a parent. `show`
    /// writes the text after the name of one metric.
    pub(crate) fn repr(&self, show: impl FnOnce(&W::Core) -> PyResult<String>) -> PyResult<String> {
        let class = <W as PyClass>::NAME;
        let Some(Made { definition, state }) = self.0.get() else {
            return Ok(format!("<{class} before __init__()>"));
        };
        let name = &definition.name;
        match state {
            State::One(core) => Ok(format!("<{class} {name}{}>", show(core)?)),
            State::Parent(children) => {
                let labels = definition.label_names.join(",");
                let number = children.family.len();
                let plural = if number == 1 { "child" } else { "children" };
                Ok(format!("<{class} {name}{{{labels}}} with {number} {plural}>"))
            }
        }
    }
}

/// Returns an object of the same class, for a child or a copy. If the program made the class, the
/// object has the same attributes. `__init__` does not run.
fn make_alike<'py, W: Wrapper>(object: &Bound<'py, W>) -> PyResult<Bound<'py, W>> {
    let py = object.py();
    let class = object.as_any().get_type();
    let alike = make_object(&class)?.cast_into::<W>()?;
    // Reading `__dict__` creates the dict, which makes method calls slower on CPython 3.12.
    if !class.is(&W::subclass().of::<W>(py)?) {
        let dict = intern!(py, "__dict__");
        let attributes = object.as_any().getattr(dict)?.cast_into::<PyDict>()?;
        if !attributes.is_empty() {
            let own = alike.as_any().getattr(dict)?.cast_into::<PyDict>()?;
            own.update(attributes.as_mapping())?;
        }
    }
    Ok(alike)
}

/// Returns the error that `pickle` and `copy.deepcopy` raise, as for a lock or a file.
pub(crate) fn refuse_pickling(object: &Bound<'_, PyAny>) -> PyResult<()> {
    let class = object.get_type().qualname()?;
    Err(PyTypeError::new_err(format!("cannot pickle {class}: its value belongs to this process")))
}

/// Returns labels as `{name="value"}`, or an empty text if there are none.
pub(crate) fn braced(labels: &core::Labels) -> String {
    if labels.is_empty() { String::new() } else { labels.to_string() }
}

impl<W: Wrapper> Registrable for W {
    fn class(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
        W::subclass().of::<W>(py)
    }

    fn key(&self) -> Option<String> {
        self.metric().0.get().map(|made| made.definition.name.clone())
    }

    fn register_in(&self, registry: &Registry) -> Result<(), Error> {
        match self.metric().0.get() {
            Some(Made { state: State::One(core), .. }) => registry.register(core),
            Some(Made { state: State::Parent(children), .. }) => {
                registry.register(&children.family)
            }
            None => Ok(()),
        }
    }

    fn unregister_from(&self, registry: &Registry) -> Result<(), Error> {
        match self.metric().0.get() {
            Some(Made { state: State::One(core), .. }) => registry.unregister(core),
            Some(Made { state: State::Parent(children), .. }) => {
                registry.unregister(&children.family)
            }
            None => Ok(()),
        }
    }
}
