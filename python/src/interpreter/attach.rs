//! Attaches this library's threads to the interpreter.

use pyo3::prelude::*;

use crate::interpreter::{door, guarded};

/// Runs `body` in the interpreter, unless that is finalizing. This is the door of callbacks. One
/// thread that has waited for the interpreter runs all callbacks that wait.
pub(crate) fn enter(body: &mut dyn FnMut()) {
    attach(|_| body());
}

/// Ends an exporter that was dropped without `stop()`. Detached, because its thread may wait for
/// the interpreter.
///
/// Without an interpreter, at the end of the process, nothing waits for it.
pub(crate) fn end_detached(end: impl FnOnce() + Send) {
    let mut end = Some(end);
    let mut end = || {
        if let Some(end) = end.take() {
            end();
        }
    };
    Python::try_attach(|py| py.detach(&mut end));
    end();
}

/// Runs `body` in the interpreter. Returns `None` if the interpreter is finalizing, or if the door
/// is closed to this thread.
pub(crate) fn attach<R>(body: impl FnOnce(Python<'_>) -> R) -> Option<R> {
    if guarded::is_known_to_python() {
        return Python::try_attach(body);
    }
    door::through(|| Python::try_attach(body))
}
