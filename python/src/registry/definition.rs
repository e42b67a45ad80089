//! The definition of a metric: the arguments of its constructor, checked and comparable.

use dataclay_metrics_core::{Buckets, Desc, GaugeMerge, Kind, MetricFamily, NativeBuckets, Opts};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::error::to_python;
use crate::registry::arguments::must_be;
use crate::registry::families::list_to_python;
use crate::registry::names;

/// Everything by which a registry decides whether two metrics are the same.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Definition {
    pub(crate) kind: Kind,
    /// The exposed name: `_total` is the end of a counter's name, `_info` of an info's.
    pub(crate) name: String,
    pub(crate) documentation: String,
    pub(crate) label_names: Vec<String>,
    pub(crate) unit: String,
    pub(crate) max_children: Option<usize>,
    /// The buckets of a histogram.
    pub(crate) buckets: Buckets,
    pub(crate) native_buckets: Option<NativeBuckets>,
    /// The states of an `Enum`.
    pub(crate) states: Vec<String>,
    /// The merge of a gauge of several processes.
    pub(crate) multiprocess_mode: GaugeMerge,
}

/// The options of only one metric type. `()` has none. The file of any other type implements this
/// from the type's fields of [`Definition`].
pub(crate) trait OwnOptions: Default {
    /// Sets these options.
    fn set(opts: Opts<Self>, definition: &Definition) -> Opts<Self>;
}

impl OwnOptions for () {
    fn set(opts: Opts, _definition: &Definition) -> Opts {
        opts
    }
}

/// The arguments of all constructors of metrics.
pub(crate) struct Arguments {
    pub(crate) name: String,
    pub(crate) documentation: String,
    pub(crate) labelnames: Vec<String>,
    pub(crate) namespace: String,
    pub(crate) subsystem: String,
    pub(crate) unit: String,
    pub(crate) max_children: Option<usize>,
}

impl Definition {
    /// Joins the parts of the name as `prometheus_client` does. The core checks the result.
    pub(crate) fn new(kind: Kind, arguments: Arguments) -> PyResult<Definition> {
        let Arguments { name, documentation, labelnames, namespace, subsystem, unit, max_children } =
            arguments;
        if name.is_empty() {
            // Without this check, a namespace without a name would be valid.
            return Err(PyValueError::new_err("metric name \"\": must not be empty"));
        }
        let mut full = String::new();
        for part in [namespace, subsystem] {
            if !part.is_empty() {
                full.push_str(&part);
                full.push('_');
            }
        }
        full.push_str(&name);
        // Of an info, prometheus_client does not remove the suffix.
        if kind == Kind::Counter {
            let stem = full.strip_suffix(kind.suffix()).unwrap_or(&full).len();
            full.truncate(stem);
        }
        if !unit.is_empty() && !full.ends_with(&format!("_{unit}")) {
            full.push('_');
            full.push_str(&unit);
        }
        full.push_str(kind.suffix());
        names::check_metric_name(&full)?;
        names::check_label_names(labelnames.iter().map(String::as_str))?;
        let plain = Definition::plain(kind, full, documentation);
        Ok(Definition { label_names: labelnames, unit, max_children, ..plain })
    }

    /// Returns the definition of a metric of the core that has no labels.
    pub(crate) fn from_desc(desc: &Desc) -> Definition {
        Definition::plain(desc.kind(), desc.name().to_owned(), desc.help().to_owned())
    }

    /// Returns the definition of a metric for which nothing else is set.
    fn plain(kind: Kind, name: String, documentation: String) -> Definition {
        Definition {
            kind,
            name,
            documentation,
            label_names: Vec::new(),
            unit: String::new(),
            max_children: None,
            buckets: Buckets::default(),
            native_buckets: None,
            states: Vec::new(),
            multiprocess_mode: GaugeMerge::default(),
        }
    }

    /// Returns the core's options for this metric.
    pub(crate) fn opts<O: OwnOptions>(&self) -> Opts<O> {
        let opts = Opts::new(&self.name, &self.documentation).unit(&self.unit);
        let opts = O::set(opts, self);
        match self.max_children {
            Some(max_children) => opts.max_children(max_children),
            None => opts,
        }
    }

    /// Returns the metric without samples, for `describe()`.
    pub(crate) fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let Definition { kind, name, documentation, unit, .. } = self;
        let empty = MetricFamily::new(*kind, name, documentation);
        let empty = empty.and_then(|empty| empty.with_unit(unit)).map_err(to_python)?;
        list_to_python(py, vec![empty])
    }

    /// Returns the error of a method that needs a metric without label names, or a child of
    /// `labels()`.
    pub(crate) fn no_values(&self) -> PyErr {
        PyValueError::new_err(format!(
            "{} {} is missing label values of {:?}: choose a child with labels() first",
            self.kind.word(),
            self.name,
            self.label_names
        ))
    }
}

/// Reads the argument `max_children`; the error of a wrong number names the value and the rule.
pub(crate) fn max_children(argument: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    argument.extract().map_err(|error: PyErr| {
        let rule = "a whole number, not negative";
        if error.is_instance_of::<PyOverflowError>(argument.py()) {
            PyValueError::new_err(format!("max_children {argument}: must be {rule}"))
        } else {
            must_be("max_children", rule, argument)
        }
    })
}
