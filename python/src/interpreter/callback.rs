//! Python objects that a gather calls. A failure is logged once, and skips only that object.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dataclay_metrics_core::{self as core, Call, MetricFamily};
use pyo3::prelude::*;

use crate::interpreter::attach::{attach, enter};

/// A Python object that gathers call.
pub(crate) struct Callback {
    /// The name of the object in the log.
    what: String,
    object: Py<PyAny>,
    failing: AtomicBool,
}

impl Callback {
    pub(crate) fn new(what: String, object: Py<PyAny>) -> Callback {
        Callback { what, object, failing: AtomicBool::new(false) }
    }

    /// Runs `call`, which must use `guarded.rs` for all code of the application. `None` if it
    /// fails, or if the interpreter is going down. Logs the first of consecutive failures.
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

/// A Python object that yields families. It is called through the core's
/// [`Callback`](core::Callback), so one that hangs costs a scrape or a push only its own families.
pub(crate) struct Families(Arc<core::Callback<Vec<MetricFamily>>>);

impl Families {
    pub(crate) fn new(
        callback: Callback,
        call: fn(&Bound<'_, PyAny>) -> PyResult<Vec<MetricFamily>>,
    ) -> Families {
        let what = callback.what.clone();
        Families(core::Callback::behind(enter, what, move || callback.call(call)))
    }

    /// Returns the call, which an exporter makes before it reads the families.
    pub(crate) fn function(&self) -> Arc<dyn Call> {
        Arc::clone(&self.0) as Arc<dyn Call>
    }

    /// Returns the families; none if the call fails or misses the deadline of the gather.
    pub(crate) fn collect(&self) -> Vec<MetricFamily> {
        self.0.call().unwrap_or_default()
    }
}
