//! Python objects that a gather calls. A failure is logged once, and only the failed part is
//! skipped.

use std::collections::BTreeSet;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use dataclay_metrics_core::{self as core, Call, MetricFamily};
use pyo3::prelude::*;

use crate::interpreter::attach::{attach, enter};
use crate::interpreter::interrupts::{self, FailedPart};
use crate::interpreter::logging;

/// A Python object that gathers call.
pub(crate) struct Callback {
    /// The name of the object in the log.
    what: String,
    object: Py<PyAny>,
    /// The failures of the last call.
    failing: Mutex<BTreeSet<String>>,
}

/// The failures of one call.
pub(crate) struct Failures<'a, 'py> {
    py: Python<'py>,
    callback: &'a Callback,
    before: BTreeSet<String>,
    now: BTreeSet<String>,
}

impl Failures<'_, '_> {
    /// Returns the value of a call of the whole object. If it failed, records that and returns
    /// `None`.
    pub(crate) fn value_of<T>(&mut self, result: PyResult<T>) -> Option<T> {
        result.map_err(|error| self.add("", error, None)).ok()
    }

    /// Records that `part` of the object failed, in this family if there is one. Logs the first of
    /// consecutive failures, with the traceback. Keeps an exception that ends the program for the
    /// caller, and also the first other exception.
    pub(crate) fn add(&mut self, part: &str, error: PyErr, family: Option<&Bound<'_, PyAny>>) {
        let Some(error) = interrupts::keep(self.py, error) else { return };
        let class = error.get_type(self.py);
        let key = format!("{part} {class}");
        let is_new = !self.before.contains(&key) && self.now.insert(key.clone());
        self.now.insert(key);
        if is_new {
            let what = &self.callback.what;
            let comma = if part.is_empty() { "" } else { ", " };
            logging::warn_of(self.py, &format!("{what}{comma}{part} failed: {error}"), &error);
        }
        interrupts::keep_failure(FailedPart::new(error, family));
    }
}

impl Callback {
    pub(crate) fn new(what: String, object: Py<PyAny>) -> Callback {
        Callback { what, object, failing: Mutex::default() }
    }

    /// Runs `call`, which must use `guarded.rs` for all code of the application. Returns `None` if
    /// it fails, or if the interpreter is finalizing.
    pub(crate) fn call<T>(&self, call: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<T>) -> Option<T> {
        self.call_in_parts(|object, failures| failures.value_of(call(object)))
    }

    /// As `call`, for a call that records its failures itself, and may still return a value.
    pub(crate) fn call_in_parts<T>(
        &self,
        call: impl FnOnce(&Bound<'_, PyAny>, &mut Failures<'_, '_>) -> Option<T>,
    ) -> Option<T> {
        if interrupts::is_interrupted() {
            return None;
        }
        attach(|py| {
            // Taken out, not borrowed, because the call may gather as well.
            let failing = || self.failing.lock().unwrap_or_else(PoisonError::into_inner);
            let before = mem::take(&mut *failing());
            let mut failures = Failures { py, callback: self, before, now: BTreeSet::new() };
            let value = call(self.object.bind(py), &mut failures);
            *failing() = failures.now;
            value
        })
        .flatten()
    }
}

/// A Python object that yields families. It is called through the core's
/// [`Callback`](core::Callback), so if it hangs, a scrape or a push loses only its families.
pub(crate) struct Families(Arc<core::Callback<Vec<MetricFamily>>>);

impl Families {
    pub(crate) fn new(
        callback: Callback,
        call: fn(&Bound<'_, PyAny>, &mut Failures<'_, '_>) -> Option<Vec<MetricFamily>>,
    ) -> Families {
        let what = callback.what.clone();
        Families(core::Callback::behind(enter, what, move || callback.call_in_parts(call)))
    }

    /// Returns the call, which an exporter makes before it reads the families.
    pub(crate) fn function(&self) -> Arc<dyn Call> {
        Arc::clone(&self.0) as Arc<dyn Call>
    }

    /// Returns the families, or an empty list if the call fails or misses the deadline of the
    /// gather.
    pub(crate) fn collect(&self) -> Vec<MetricFamily> {
        self.0.call().unwrap_or_default()
    }
}
