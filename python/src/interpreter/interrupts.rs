//! Exceptions raised inside a function that a gather calls on the thread of the caller.
//!
//! The core's gather cannot return exceptions, so they are passed through this file. A call stores
//! an exception that ends the program, such as `KeyboardInterrupt` or `SystemExit`, and the Python
//! function that made the gather raises it. The first other exception is stored too, and
//! `generate_latest()` raises it if no sample is left to write.

use std::cell::RefCell;
use std::mem;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::interpreter::green;

/// The exceptions that a gather leaves to its caller.
#[derive(Default)]
struct Left {
    interrupt: Option<PyErr>,
    failure: Option<FailedPart>,
}

/// A failure after which a gather skips only the failed part.
pub(crate) struct FailedPart {
    error: PyErr,
    /// The failed family, if it is known.
    family: Option<Py<PyAny>>,
}

impl FailedPart {
    pub(crate) fn new(error: PyErr, family: Option<&Bound<'_, PyAny>>) -> FailedPart {
        FailedPart { error, family: family.map(|family| family.clone().unbind()) }
    }

    /// Returns the error. As in `prometheus_client`, the last of its `args` is the family.
    pub(crate) fn into_error(self, py: Python<'_>) -> PyErr {
        let add_family = |family: Py<PyAny>| -> PyResult<()> {
            let value = self.error.value(py);
            let args = value.getattr("args")?.cast_into::<PyTuple>()?;
            let args = if args.is_empty() { PyTuple::new(py, [""])? } else { args };
            let family = PyTuple::new(py, [family])?;
            value.setattr("args", args.as_sequence().concat(family.as_sequence())?.to_tuple()?)
        };
        match self.family.map(add_family) {
            Some(Err(error)) => error,
            _ => self.error,
        }
    }
}

thread_local! {
    /// `None` while no Python function on this thread gathers, because nothing could raise the
    /// exceptions.
    static LEFT: RefCell<Option<Left>> = const { RefCell::new(None) };
}

/// Runs `gather` detached from the interpreter, if that is safe. Raises the exception that
/// interrupted it.
pub(crate) fn detached<R: Send>(py: Python<'_>, gather: impl FnOnce() -> R + Send) -> PyResult<R> {
    detached_with_failure(py, gather).map(|(result, _)| result)
}

/// As `detached`, and also returns the first failure on this thread.
pub(crate) fn detached_with_failure<R: Send>(
    py: Python<'_>,
    gather: impl FnOnce() -> R + Send,
) -> PyResult<(R, Option<FailedPart>)> {
    let is_loop_thread = green::is_loop_thread(py)?;
    let outer = LEFT.replace(Some(Left::default()));
    let result = if is_loop_thread { gather() } else { py.detach(gather) };
    let left = LEFT.replace(outer).unwrap_or_default();
    match left.interrupt {
        Some(error) => Err(error),
        None => Ok((result, left.failure)),
    }
}

/// Runs code of the application, which may gather, or switch to a greenlet that gathers.
pub(crate) fn set_aside<R>(call: impl FnOnce() -> R) -> R {
    let outer = LEFT.take();
    let result = call();
    LEFT.set(outer);
    result
}

/// Returns whether the gather on this thread was interrupted. It must then call no further
/// function.
pub(crate) fn is_interrupted() -> bool {
    LEFT.with_borrow(|left| left.as_ref().is_some_and(|left| left.interrupt.is_some()))
}

/// Returns whether an error ends the program, such as that of Ctrl-C.
pub(crate) fn is_one(py: Python<'_>, error: &PyErr) -> bool {
    !error.is_instance_of::<PyException>(py)
}

/// Keeps an error for the caller if it ends the program. Returns any other error, and an error
/// without a waiting caller.
pub(crate) fn keep(py: Python<'_>, error: PyErr) -> Option<PyErr> {
    LEFT.with_borrow_mut(|left| match left {
        Some(Left { interrupt: interrupt @ None, .. }) if is_one(py, &error) => {
            *interrupt = Some(error);
            None
        }
        _ => Some(error),
    })
}

/// Keeps a failure for the caller, if it is the first of this gather.
pub(crate) fn keep_failure(failure: FailedPart) {
    let unused = LEFT.with_borrow_mut(|left| match left {
        Some(Left { failure: first @ None, .. }) => {
            *first = Some(failure);
            None
        }
        _ => Some(failure),
    });
    // Dropped last, because the drop may run code of the application.
    mem::drop(unused);
}
