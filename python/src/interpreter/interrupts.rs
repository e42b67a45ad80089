//! Exceptions that end a program, such as `KeyboardInterrupt` and `SystemExit`, raised inside a
//! function that a gather calls on the thread of the caller.
//!
//! The core's gather knows no exceptions, so they travel beside it. The call leaves one here, and
//! the function of Python that made the gather raises it.

use std::cell::RefCell;

use pyo3::exceptions::PyException;
use pyo3::prelude::*;

use crate::interpreter::green;

enum Pending {
    /// This thread gathers for no function of Python: nobody would raise an exception.
    NoCaller,
    Nothing,
    Interrupt(PyErr),
}

thread_local! {
    static PENDING: RefCell<Pending> = const { RefCell::new(Pending::NoCaller) };
}

/// Runs `gather` detached from the interpreter, if that is safe. Raises what interrupted it.
pub(crate) fn detached<R: Send>(py: Python<'_>, gather: impl FnOnce() -> R + Send) -> PyResult<R> {
    let is_loop_thread = green::is_loop_thread(py)?;
    let outer = PENDING.replace(Pending::Nothing);
    let result = if is_loop_thread { gather() } else { py.detach(gather) };
    match PENDING.replace(outer) {
        Pending::Interrupt(error) => Err(error),
        _ => Ok(result),
    }
}

/// Runs code of the application, which may gather, or switch to a greenlet that gathers.
pub(crate) fn set_aside<R>(call: impl FnOnce() -> R) -> R {
    let outer = PENDING.replace(Pending::NoCaller);
    let result = call();
    PENDING.set(outer);
    result
}

/// Returns whether the gather on this thread was interrupted: it must call no further function.
pub(crate) fn is_interrupted() -> bool {
    PENDING.with_borrow(|pending| matches!(pending, Pending::Interrupt(_)))
}

/// Returns whether an error ends the program, as that of Ctrl-C does.
pub(crate) fn is_one(py: Python<'_>, error: &PyErr) -> bool {
    !error.is_instance_of::<PyException>(py)
}

/// Keeps an error for the caller if it ends the program. Returns any other error, and also one that
/// no caller waits for.
pub(crate) fn keep(py: Python<'_>, error: PyErr) -> Option<PyErr> {
    PENDING.with_borrow_mut(|pending| match pending {
        Pending::Nothing if is_one(py, &error) => {
            *pending = Pending::Interrupt(error);
            None
        }
        _ => Some(error),
    })
}
