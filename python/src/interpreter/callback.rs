//! Python objects that a gather calls: their failures are told once, and leave only them out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dataclay_metrics_core::{self as core, MetricFamily};
use pyo3::prelude::*;

use crate::interpreter::attach::attach;

/// A Python object that is called.
pub(crate) struct Callback {
    /// What it is, for the log.
    what: String,
    object: Py<PyAny>,
    failing: AtomicBool,
}

impl Callback {
    pub(crate) fn new(what: String, object: Py<PyAny>) -> Callback {
        Callback { what, object, failing: AtomicBool::new(false) }
    }

    /// What `call` returns, which runs the application's code by `guarded.rs` alone; `None` if it
    /// fails, or if the interpreter is going down. The logger hears of a failure once, until a call
    /// succeeds again.
    pub(crate) fn call<T>(&self, call: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> Option<T> {
        attach(|py| {
            let value = call(self.object.bind(py));
            let failed = self.failing.swap(value.is_err(), Ordering::Relaxed);
            if let Err(error) = &value {
                if !failed {
                    log::warn!(target: "dataclay_metrics", "{} failed: {error}", self.what);
                }
            }
            value.ok()
        })
        .flatten()
    }
}

/// A Python object that yields families, called with the care of the core's
/// [`Callback`](core::Callback): one that hangs costs a scrape or a push no more than its own.
pub(crate) struct Families(Arc<core::Callback<Vec<MetricFamily>>>);

impl Families {
    pub(crate) fn new(
        callback: Callback,
        call: fn(&Bound<'_, PyAny>) -> PyResult<Vec<MetricFamily>>,
    ) -> Families {
        Families(core::Callback::new(callback.what.clone(), move || callback.call(call)))
    }

    /// The families, now; none if the call fails, or takes longer than whoever gathers waits.
    pub(crate) fn collect(&self) -> Vec<MetricFamily> {
        self.0.call().unwrap_or_default()
    }
}
