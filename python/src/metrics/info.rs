//! `Info` for Python: facts, as the labels of a gauge that is always 1.

use std::collections::BTreeMap;

use dataclay_metrics_core::{self as core, Kind};
use pyo3::prelude::*;

use crate::error::to_python;
use crate::metrics::class::metric_class;
use crate::metrics::metric::{Metric, braced};
use crate::registry::arguments;

/// Facts about the process, such as a version: the labels of a gauge that is always 1.
///
/// The exposed name is namespace, subsystem and name, joined by `_`, with `_info` at its end. An
/// info with `labelnames` only holds children, one for each set of label values: see `labels()`. It
/// holds at most `max_children` children, by default 10,000. All further label sets share one child
/// whose labels are `__overflow__`.
///
/// `registry=None` registers nowhere.
///
/// All methods may be called from any thread. Raises `ValueError` if a name is not valid, or if
/// another metric of the registry has it; also for `max_children` without `labelnames`.
#[pyclass(frozen, subclass, module = "dataclay_metrics")]
pub(crate) struct Info(pub(crate) Metric<Info>);

metric_class! {
    Info of Kind::Info, wraps core::Info, called
    "(name, documentation, labelnames=(), namespace='', subsystem='', unit='', \
     registry=..., _labelvalues=None, *, max_children=None)",
    methods {
        /// Replaces the facts by a dict of label names and values.
        fn info(
            &self,
            #[pyo3(from_py_with = arguments::val)] val: BTreeMap<String, String>,
        ) -> PyResult<()> {
            self.0.value()?.set(val).map_err(to_python)
        }

        fn __repr__(&self) -> PyResult<String> {
            self.0.repr(|core| Ok(braced(&core.labels())))
        }
    }
}
