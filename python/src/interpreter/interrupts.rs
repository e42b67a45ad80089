//! Exceptions raised inside a function that a gather calls on the thread of the caller.
//!
//! The core's gather has no exceptions, so they take another way. The call leaves one here that
//! ends the program, such as `KeyboardInterrupt` or `SystemExit`, and the function of Python that
//! made the gather raises it. The first of all others is kept too: `generate_latest()` raises it if
//! nothing else is left to write.

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
    failure: Option<Failure>,
}

/// A failure that costs a gather what failed, and not the rest.
pub(crate) struct Failure {
    error: PyErr,
    /// The family that failed, if it is known.
    family: Option<Py<PyAny>>,
}

impl Failure {
    pub(crate) fn new(error: PyErr, family: Option<&Bound<'_, PyAny>>) -> Failure {
        Failure { error, family: family.map(|family| family.clone().unbind()) }
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
    /// `None` while this thread gathers for no function of Python: nobody would raise.
    static LEFT: RefCell<Option<Left>> = const { RefCell::new(None) };
}

/// Runs `gather` detached from the interpreter, if that is safe. Raises what interrupted it.
pub(crate) fn detached<R: Send>(py: Python<'_>, gather: impl FnOnce() -> R + Send) -> PyResult<R> {
    detached_with_failure(py, gather).map(|(result, _)| result)
}

/// As `detached`, and also returns the first failure on this thread.
pub(crate) fn detached_with_failure<R: Send>(
    py: Python<'_>,
    gather: impl FnOnce() -> R + Send,
) -> PyResult<(R, Option<Failure>)> {
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

/// Returns whether the gather on this thread was interrupted: it must call no further function.
pub(crate) fn is_interrupted() -> bool {
    LEFT.with_borrow(|left| left.as_ref().is_some_and(|left| left.interrupt.is_some()))
}

/// Returns whether an error ends the program, as that of Ctrl-C does.
pub(crate) fn is_one(py: Python<'_>, error: &PyErr) -> bool {
    !error.is_instance_of::<PyException>(py)
}

/// Keeps an error for the caller if it ends the program. Returns any other error, and also one that
/// no caller waits for.
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
pub(crate) fn keep_failure(failure: Failure) {
    let unused = LEFT.with_borrow_mut(|left| match left {
        Some(Left { failure: first @ None, .. }) => {
            *first = Some(failure);
            None
        }
        _ => Some(failure),
    });
    // Dropped last: it may run code of the application.
    mem::drop(unused);
}
