//! Python objects that a gather calls: their failures are told once, and leave only them out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use dataclay_metrics_core::{Error, Gauge, MetricFamily};
use pyo3::prelude::*;

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

    /// What `call` returns; `None` if it fails, or if the interpreter is going down. The logger
    /// hears of a failure once, until a call succeeds again.
    pub(crate) fn call<T>(&self, call: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> Option<T> {
        Python::try_attach(|py| {
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

/// A Python object that yields families.
///
/// It is called as the function of a gauge that nobody sees, because those are called with care: a
/// scrape or a push gives them a deadline, so that one that hangs, or an interpreter that does not
/// come free, costs no more than its own families.
pub(crate) struct Families {
    call: Gauge,
    latest: Arc<Mutex<Arc<[MetricFamily]>>>,
}

impl Families {
    /// `name` is what the core calls it in its log lines: the name of a metric.
    pub(crate) fn new(
        name: &str,
        callback: Callback,
        call: fn(&Bound<'_, PyAny>) -> PyResult<Vec<MetricFamily>>,
    ) -> Result<Families, Error> {
        let gauge = Gauge::new(name, "")?;
        let latest: Arc<Mutex<Arc<[MetricFamily]>>> = Arc::new(Mutex::new(Arc::new([])));
        let result = Arc::clone(&latest);
        gauge.set_function(move || {
            let families: Arc<[MetricFamily]> = callback.call(call)?.into();
            let before = std::mem::replace(
                &mut *result.lock().unwrap_or_else(PoisonError::into_inner),
                families,
            );
            drop(before);
            Some(1.0)
        });
        Ok(Families { call: gauge, latest })
    }

    /// The families, now; none if the call fails, or takes longer than whoever gathers waits.
    pub(crate) fn collect(&self) -> Vec<MetricFamily> {
        if self.call.get().is_none() {
            return Vec::new();
        }
        Arc::clone(&self.latest.lock().unwrap_or_else(PoisonError::into_inner)).to_vec()
    }
}
