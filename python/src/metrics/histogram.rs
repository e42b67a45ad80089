//! `Histogram` for Python.

use dataclay_metrics_core::{
    self as core, Buckets, HistogramOptions, Kind, Labels, NativeBuckets, Opts,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::error::to_python;
use crate::metrics::class::metric_class;
use crate::metrics::context_managers;
use crate::metrics::metric::{Metric, braced};
use crate::registry::definition::{Definition, OwnOptions};
use crate::registry::{arguments, exemplars};

/// Numbers such as durations or sizes, counted in buckets.
///
/// The exposed name is namespace, subsystem, name and unit, joined by `_`. `buckets` are the upper
/// bounds, in ascending order; a final bound of infinity is optional. The default bounds are
/// `Histogram.DEFAULT_BUCKETS`, chosen for seconds. Count, sum and buckets of one exposition come
/// from the same observations. Each bucket, explicit or native, takes 16 bytes for each thread that
/// observes.
///
/// `native_buckets` adds native buckets for the same observations, which only the protobuf format
/// has. It is a tuple of schema, zero threshold and largest number. Schema 3 has eight buckets
/// between a number and its double. `(3, 1e-6, 1e3)` suits seconds. `prometheus_client` has no such
/// argument.
///
/// A histogram with `labelnames` only holds children, one for each set of label values: see
/// `labels()`. It holds at most `max_children` children, by default 10,000. All further label sets
/// share one child whose labels are `__overflow__`.
///
/// `registry=None` registers nowhere.
///
/// All methods may be called from any thread. Raises `ValueError` if a name or a bound is not
/// valid, or if a label is named `le`. Also if another metric of the registry has the name, and for
/// `max_children` without `labelnames`.
#[pyclass(frozen, subclass, module = "dataclay_metrics")]
pub(crate) struct Histogram(pub(crate) Metric<Histogram>);

impl OwnOptions for HistogramOptions {
    fn set(opts: Opts<Self>, definition: &Definition) -> Opts<Self> {
        let opts = opts.buckets(definition.buckets.clone());
        match &definition.native_buckets {
            Some(native) => opts.native_buckets(native.clone()),
            None => opts,
        }
    }
}

/// Reads the argument `buckets`: an iterable of objects that `float()` accepts.
fn buckets(argument: &Bound<'_, PyAny>) -> PyResult<Buckets> {
    Buckets::new(arguments::numbers("buckets", argument)?).map_err(to_python)
}

/// Reads the argument `native_buckets`: None, or an iterable of schema, zero threshold and largest
/// number.
fn native_buckets(argument: &Bound<'_, PyAny>) -> PyResult<Option<NativeBuckets>> {
    if argument.is_none() {
        return Ok(None);
    }
    let numbers = arguments::numbers("native_buckets", argument)?;
    #[expect(clippy::cast_possible_truncation, reason = "one too large becomes the largest")]
    let whole = |number: f64| (number.fract() == 0.0).then_some(number as i32);
    let &[schema, zero_threshold, largest] = &numbers[..] else {
        let rule = "must be schema, zero threshold and largest number";
        return Err(PyValueError::new_err(format!("native_buckets {numbers:?}: {rule}")));
    };
    let Some(schema) = whole(schema) else {
        let rule = "a schema is a whole number";
        return Err(PyValueError::new_err(format!("native_buckets {numbers:?}: {rule}")));
    };
    NativeBuckets::new(schema, zero_threshold, largest).map(Some).map_err(to_python)
}

metric_class! {
    Histogram of Kind::Histogram, wraps core::Histogram, called
    "(name, documentation, labelnames=(), namespace='', subsystem='', unit='', \
     registry=..., _labelvalues=None, buckets=..., *, max_children=None, native_buckets=None)",
    positional { #[pyo3(from_py_with = buckets)] buckets: Buckets = Buckets::default() },
    keyword {
        #[pyo3(from_py_with = native_buckets)]
        native_buckets: Option<NativeBuckets> = None
    },
    methods {
        /// Returns the default upper bounds, as in all Prometheus libraries.
        #[classattr]
        #[pyo3(name = "DEFAULT_BUCKETS")]
        fn default_buckets(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
            PyTuple::new(py, [Buckets::default().bounds(), &[f64::INFINITY]].concat())
        }

        /// The upper bounds, with infinity at the end.
        #[getter]
        fn _bounds(&self) -> PyResult<Vec<f64>> {
            let buckets = self.0.definition()?.buckets.clone();
            Ok([buckets.bounds(), &[f64::INFINITY]].concat())
        }

        /// Observes a number. Takes no lock.
        ///
        /// After NaN, the sum stays NaN. Raises `TypeError` if `amount` is not a number, and
        /// `ValueError` if the histogram has label names, because then only its children observe.
        /// An `exemplar` is a dict of labels, such as a trace id, with at most 128 characters
        /// together. OpenMetrics exposes the last one of each bucket. An exemplar takes a lock.
        #[pyo3(signature = (amount, exemplar = None))]
        fn observe(
            &self,
            #[pyo3(from_py_with = arguments::amount)] amount: f64,
            #[pyo3(from_py_with = exemplars::argument)] exemplar: Option<Labels>,
        ) -> PyResult<()> {
            let histogram = self.0.value()?;
            match exemplar {
                Some(labels) => {
                    histogram.observe_with_exemplar(amount, labels).map_err(to_python)?;
                }
                None => histogram.observe(amount),
            }
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
