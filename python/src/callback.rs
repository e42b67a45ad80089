//! A Python object that a gather calls: its failures are told once, and leave only it out.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

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

    /// The object's address, which tells it from all others while it is held here.
    pub(crate) fn id(&self) -> usize {
        self.object.as_ptr().addr()
    }
}
