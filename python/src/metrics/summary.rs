//! `Summary` for Python.

use dataclay_metrics_core::{self as core, Kind};
use pyo3::prelude::*;

use crate::metrics::class::metric_class;
use crate::metrics::context_managers;
use crate::metrics::metric::{Metric, braced};
use crate::registry::arguments;

/// The count and the sum of numbers such as durations. It has no quantiles.
///
/// The exposed name is namespace, subsystem, name and unit, joined by `_`. Count and sum of one
/// exposition come from the same observations.
///
/// A summary with `labelnames` only holds children, one for each set of label values: see
/// `labels()`. It holds at most `max_children` children, by default 10,000. All further label sets
/// share one child whose labels are `__overflow__`.
///
/// `registry=None` registers nowhere.
///
/// All methods may be called from any thread. Raises `ValueError` if a name is not valid, or if a
/// label is named `quantile`. Also if another metric of the registry has the name, and for
/// `max_children` without `labelnames`.
#[pyclass(frozen, subclass, module = "dataclay_metrics")]
pub(crate) struct Summary(pub(crate) Metric<Summary>);

metric_class! {
    Summary of Kind::Summary, wraps core::Summary, called
    "(name, documentation, labelnames=(), namespace='', subsystem='', unit='', \
     registry=..., _labelvalues=None, *, max_children=None)",
    methods {
        /// Observes a number. Takes no lock.
        ///
        /// After NaN, the sum stays NaN. Raises `TypeError` if `amount` is not a number, and
        /// `ValueError` if the summary has label names, because then only its children observe.
        fn observe(&self, #[pyo3(from_py_with = arguments::amount)] amount: f64) -> PyResult<()> {
            self.0.value()?.observe(amount);
            Ok(())
        }

        /// Observes the seconds that a `with` block or a decorated function takes.
        ///
        /// A decorated function may be `async def`.
        fn time<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
            context_managers::timer(slf.as_any(), "observe")
        }

        fn __repr__(&self) -> PyResult<String> {
            self.0.repr(|core| {
                let labels = braced(core.desc().labels());
                Ok(format!("{labels} count = {}, sum = {:?}", core.count(), core.sum()))
            })
        }
    }
}
