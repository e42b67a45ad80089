//! What the constructor of a metric is told: checked, and comparable with that of another.

use dataclay_metrics_core::{Kind, MetricFamily};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::error::to_python;
use crate::registry::families::list_to_python;

/// Everything that makes two metrics the same one in a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    pub(crate) kind: Kind,
    /// As it is exposed: a counter with `_total`.
    pub(crate) name: String,
    pub(crate) documentation: String,
    pub(crate) label_names: Vec<String>,
    pub(crate) unit: String,
}

/// The arguments that make up a name.
pub(crate) struct NameParts<'a> {
    pub(crate) name: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) subsystem: &'a str,
    pub(crate) unit: &'a str,
}

impl Definition {
    /// Joins the parts of the name as `prometheus_client` does. Whether it is a valid name is for
    /// the core to say.
    pub(crate) fn new(
        kind: Kind,
        parts: NameParts<'_>,
        documentation: &str,
        label_names: Vec<String>,
    ) -> PyResult<Definition> {
        let NameParts { name, namespace, subsystem, unit } = parts;
        if name.is_empty() {
            // Else a namespace alone would do.
            return Err(PyValueError::new_err("metric name \"\": must not be empty"));
        }
        let mut full = String::new();
        for part in [namespace, subsystem] {
            if !part.is_empty() {
                full.push_str(part);
                full.push('_');
            }
        }
        full.push_str(name);
        if kind == Kind::Counter {
            let stem = full.strip_suffix("_total").unwrap_or(&full).len();
            full.truncate(stem);
        }
        if !unit.is_empty() && !full.ends_with(&format!("_{unit}")) {
            full.push('_');
            full.push_str(unit);
        }
        match kind {
            Kind::Counter => full.push_str("_total"),
            Kind::Info if unit.is_empty() => full.push_str("_info"),
            Kind::Info => {
                let rule = "an info has no unit";
                return Err(PyValueError::new_err(format!("unit {unit:?} of {full}: {rule}")));
            }
            _ => {}
        }
        Ok(Definition {
            kind,
            name: full,
            documentation: documentation.to_owned(),
            label_names,
            unit: unit.to_owned(),
        })
    }

    /// The metric without samples, as `describe()` has it.
    pub(crate) fn describe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let Definition { kind, name, documentation, unit, .. } = self;
        let empty = MetricFamily::new(*kind, name, documentation);
        let empty = empty.and_then(|empty| empty.with_unit(unit)).map_err(to_python)?;
        list_to_python(py, &[empty])
    }

    /// The error of what only a metric without label names, or a child of `labels()`, can do.
    pub(crate) fn no_values(&self) -> PyErr {
        PyValueError::new_err(format!(
            "{} {} has the labels {:?}: choose a child with labels() first",
            self.kind.as_str(),
            self.name,
            self.label_names
        ))
    }
}
