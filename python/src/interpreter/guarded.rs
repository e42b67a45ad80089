//! Calls of the application's code that survive the end of the interpreter.
//!
//! CPython before 3.14 unwinds a thread that it ends (`door.rs`). The unwinding stops in this file,
//! before it reaches other Rust frames: the thread hangs, as it does in 3.14. `PyO3` guards the
//! calls that take the interpreter's lock in the same way.
#![allow(unsafe_code, reason = "PyO3 declares these functions as never unwinding")]

use pyo3::ffi::{self, PyObject};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyString, PyTuple};

use crate::interpreter::{door, green, interrupts};

unsafe extern "C-unwind" {
    fn PyObject_CallObject(callable: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject;
    fn PyObject_GetAttr(object: *mut PyObject, name: *mut PyObject) -> *mut PyObject;
    fn PyNumber_Float(object: *mut PyObject) -> *mut PyObject;
    fn PyObject_Str(object: *mut PyObject) -> *mut PyObject;
    fn PyObject_GetIter(object: *mut PyObject) -> *mut PyObject;
    fn PyImport_Import(name: *mut PyObject) -> *mut PyObject;
    fn PyIter_Next(iterator: *mut PyObject) -> *mut PyObject;
}

/// Calls `callable(*arguments)`.
pub(crate) fn call<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &Bound<'py, PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: both are alive, the thread is attached, and the arguments are a tuple.
    guarded(callable.py(), || unsafe { PyObject_CallObject(callable.as_ptr(), arguments.as_ptr()) })
}

/// Imports a module. The first import of a process runs the module's code.
pub(crate) fn import<'py>(
    py: Python<'py>,
    name: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: it is a string and alive, and the thread is attached.
    guarded(py, || unsafe { PyImport_Import(name.as_ptr()) })
}

/// Calls a function of the application, on its loop if it has one.
pub(crate) fn call_function<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = function.py();
    match green::sender(py)? {
        Some(sender) => call(&sender.getattr(intern!(py, "call"))?, &PyTuple::new(py, [function])?),
        None => call(function, &PyTuple::empty(py)),
    }
}

/// Calls `collector.collect()`, on the loop of the application if it has one.
pub(crate) fn collect<'py>(collector: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = collector.py();
    let name = intern!(py, "collect");
    if let Some(sender) = green::sender(py)? {
        return call(&sender.getattr(name)?, &PyTuple::new(py, [collector])?);
    }
    // SAFETY: both are alive, and the thread is attached.
    let method = guarded(py, || unsafe { PyObject_GetAttr(collector.as_ptr(), name.as_ptr()) })?;
    call(&method, &PyTuple::empty(py))
}

/// Calls `log(*arguments)`, a method of a logger. If the application has a loop, calls it there and
/// does not wait.
pub(crate) fn call_logger<'py>(
    log: Bound<'py, PyAny>,
    arguments: [Bound<'py, PyAny>; 2],
) -> PyResult<()> {
    let py = log.py();
    let [format, value] = arguments;
    let called = match green::sender(py)? {
        Some(sender) => {
            call(&sender.getattr(intern!(py, "soon"))?, &PyTuple::new(py, [log, format, value])?)
        }
        None => call(&log, &PyTuple::new(py, [format, value])?),
    };
    called.map(drop)
}

/// Calls `float(object)`.
pub(crate) fn float(object: &Bound<'_, PyAny>) -> PyResult<f64> {
    // SAFETY: it is alive, and the thread is attached.
    guarded(object.py(), || unsafe { PyNumber_Float(object.as_ptr()) })?.extract()
}

/// Returns an object that is a text, even of a subclass such as an enum; for any other object
/// returns `str(object)`.
pub(crate) fn text(object: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(text) = object.cast::<PyString>() {
        return Ok(text.to_string_lossy().into_owned());
    }
    // SAFETY: it is alive, and the thread is attached.
    let text = guarded(object.py(), || unsafe { PyObject_Str(object.as_ptr()) })?;
    Ok(text.cast::<PyString>()?.to_string_lossy().into_owned())
}

/// Calls `iter(object)`.
pub(crate) fn iter<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    // SAFETY: it is alive, and the thread is attached.
    let iterator = guarded(object.py(), || unsafe { PyObject_GetIter(object.as_ptr()) })?;
    Ok(iterator.cast_into()?)
}

/// Returns the next object of the iterator; `None` at its end.
pub(crate) fn next<'py>(iterator: &Bound<'py, PyIterator>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = iterator.py();
    // SAFETY: it is an iterator and alive, and the thread is attached.
    let object = survive(|| unsafe { PyIter_Next(iterator.as_ptr()) });
    // SAFETY: it is a new reference, or NULL.
    match unsafe { Bound::from_owned_ptr_or_opt(py, object) } {
        Some(object) => Ok(Some(object)),
        // NULL without an exception means the end.
        None => PyErr::take(py).map_or(Ok(None), Err),
    }
}

/// Returns whether Python started this thread, or the thread is already attached.
pub(crate) fn is_known_to_python() -> bool {
    // SAFETY: may be called by any thread, at any time.
    unsafe { !ffi::PyGILState_GetThisThreadState().is_null() }
}

/// Returns whether this is the main interpreter, and not a subinterpreter.
pub(crate) fn is_main_interpreter(_: Python<'_>) -> bool {
    // SAFETY: the thread is attached.
    unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) == 0 }
}

/// Makes a call of a function that returns a new reference, or NULL with an exception set.
fn guarded(py: Python<'_>, call: impl FnOnce() -> *mut PyObject) -> PyResult<Bound<'_, PyAny>> {
    let object = survive(call);
    // SAFETY: it is a new reference, or NULL with an exception set.
    unsafe { Bound::from_owned_ptr_or_err(py, object) }
}

/// Makes a call. Returns only if the interpreter may still be used.
fn survive(call: impl FnOnce() -> *mut PyObject) -> *mut PyObject {
    let hang = Hang;
    let object = interrupts::set_aside(call);
    std::mem::forget(hang);
    if door::is_too_late() {
        // SAFETY: the thread is attached, and uses nothing of the interpreter after this.
        unsafe { ffi::PyEval_SaveThread() };
        drop(Hang);
    }
    object
}

/// Hangs the thread that drops it. When `pthread_exit` unwinds the stack, Rust drops it.
struct Hang;

impl Drop for Hang {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}
