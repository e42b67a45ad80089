//! `Enum` for Python: the core's `StateSet`.

use dataclay_metrics_core::{self as core, Kind, Opts, States};
use pyo3::prelude::*;

use crate::error::to_python;
use crate::metrics::class::metric_class;
use crate::metrics::metric::{Metric, braced};
use crate::registry::arguments;
use crate::registry::definition::{Definition, OwnOptions};

/// One of a few states, such as that of a job.
///
/// The exposed name is namespace, subsystem and name, joined by `_`. Each of the `states` has a
/// sample, which is 1 for the active one and 0 for the others. Its label has the name of the
/// metric. At first, the first state is active.
///
/// A metric with `labelnames` only holds children, one for each set of label values: see
/// `labels()`. It holds at most `max_children` children, by default 10,000. All further label sets
/// share one child whose labels are `__overflow__`.
///
/// `registry=None` registers nowhere.
///
/// All methods may be called from any thread. Raises `ValueError` if there is no state, if one
/// occurs twice, or if there is a unit. Also raises it if the name is not a label name, or if a
/// label or another metric of the registry has that name. Also for `max_children` without
/// `labelnames`.
#[pyclass(frozen, subclass, module = "dataclay_metrics")]
pub(crate) struct Enum(pub(crate) Metric<Enum>);

impl OwnOptions for States {
    fn set(opts: Opts<Self>, definition: &Definition) -> Opts<Self> {
        opts.states(definition.states.iter().cloned())
    }
}

metric_class! {
    Enum of Kind::StateSet, wraps core::StateSet, called
    "(name, documentation, labelnames=(), namespace='', subsystem='', unit='', \
     registry=..., _labelvalues=None, states=(), *, max_children=None)",
    positional {
        #[pyo3(from_py_with = arguments::states)] states: Vec<String> = vec![]
    },
    methods {
        /// Sets the active state.
        ///
        /// Raises `ValueError` if there is no such state. Also raises it if the metric has label
        /// names, because then only its children have states.
        fn state(&self, #[pyo3(from_py_with = arguments::state)] state: String) -> PyResult<()> {
            self.0.value()?.set(&state).map_err(to_python)
        }

        fn __repr__(&self) -> PyResult<String> {
            self.0.repr(|core| {
                Ok(format!("{} = {:?}", braced(core.desc().labels()), core.state()))
            })
        }
    }
}
