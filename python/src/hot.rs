//! The methods that hot loops call, with CPython's own calling convention instead of PyO3's wrapper.
//!
//! PyO3 gives each of these methods first, in `counter.rs`: it defines them, and it still answers
//! every call that is not one of the few usual ones. Here a second function is put in its place on
//! the class, which answers those few and passes all others on.
//!
//! What that buys, in nanoseconds per call with the loop, on Debian's CPython 3.11.2 (PGO), x86-64,
//! 4 virtual processors, the minimum of 41 rounds of 20,000 calls, each in two runs
//! (`make bench-python`, with `install` and without):
//!
//! | call | PyO3 | here | a C method without arguments |
//! |---|---:|---:|---:|
//! | `inc()` | 28.4 | 16.3 | 13.7 |
//! | `inc(2)` | 38.2 | 20.4 | |
//! | `inc(2.5)` | 229 | 24 | |
//! | `inc(amount=2)` | 58.9 | 31.1 | |
#![allow(unsafe_code, reason = "CPython's calling convention has no safe form; the gain is above")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3::exceptions::PySystemError;
use pyo3::ffi::{self, PyObject};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};

use crate::counter::Counter;

/// `Counter.inc` as PyO3 defines it.
static COUNTER_INC: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
/// The interned `"amount"`: what a call `inc(amount=2)` names its argument by.
static AMOUNT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Puts the functions of this file on their classes. Only the first call does anything.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<Counter>();
    AMOUNT.get_or_init(py, || intern!(py, "amount").clone().into_any().unbind());
    COUNTER_INC.get_or_try_init(py, || {
        let by_pyo3 = class.getattr("inc")?;
        let doc: String = by_pyo3.getattr("__doc__")?.extract()?;
        // The first line is where CPython finds the signature.
        let doc = std::ffi::CString::new(format!("inc($self, amount=1)\n--\n\n{doc}"))?;
        // Never freed, as the class never is.
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: c"inc".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: counter_inc },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: doc.into_raw(),
        }));
        // SAFETY:
        // * the type object is alive: `class` holds a reference;
        // * the definition, its name and its doc live for ever;
        // * `counter_inc` has the signature that the two flags ask for;
        // * the result is a new reference or null with an exception set.
        let method = unsafe {
            let method = ffi::PyDescr_NewMethod(class.as_type_ptr(), definition);
            Bound::from_owned_ptr_or_err(py, method)?
        };
        class.setattr("inc", method)?;
        Ok::<_, PyErr>(by_pyo3.unbind())
    })?;
    Ok(())
}

/// `Counter.inc(self, amount=1)` for no argument, an exact int below 2^63, or an exact float,
/// positional or by name. Everything else goes to PyO3's.
///
/// # Safety
///
/// Called by CPython alone, through the method descriptor made above. So
/// * the thread is attached to the interpreter;
/// * `slf` is a `Counter`: the descriptor has checked that, and the class has no subclasses;
/// * `kwnames` is null or a tuple of `str`; `args` holds `nargs` positional arguments and then one
///   for each name; all of them stay alive during the call.
unsafe extern "C" fn counter_inc(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargs: ffi::Py_ssize_t,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the thread is attached, and the token does not outlive the call.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: `slf` is a `Counter` and outlives the call.
    let object = unsafe { Borrowed::from_ptr(py, slf).cast_unchecked::<Counter>() };
    if let Some(counter) = object.get().0.one() {
        let counted = if nargs == 0 && kwnames.is_null() {
            counter.inc();
            true
        } else {
            // SAFETY: as this function's own.
            match unsafe { only_argument(py, args, nargs, kwnames) } {
                None => false,
                // SAFETY: `amount` is an argument and outlives the call.
                Some(amount) => match unsafe { exact_number(amount) } {
                    Some(Number::Whole(whole)) => {
                        counter.inc_by(whole);
                        true
                    }
                    Some(Number::Float(float)) => counter.inc_by_f64(float).is_ok(),
                    None => false,
                },
            }
        };
        if counted {
            // SAFETY: None is alive as long as the interpreter.
            return unsafe { ffi::Py_NewRef(ffi::Py_None()) };
        }
    }
    // SAFETY: as this function's own.
    unsafe { by_pyo3(&COUNTER_INC, slf, args, nargs, kwnames) }
}

/// The argument `amount` if it is the only one.
///
/// # Safety
///
/// As [`counter_inc`].
#[inline]
unsafe fn only_argument(
    py: Python<'_>,
    args: *const *mut PyObject,
    nargs: ffi::Py_ssize_t,
    kwnames: *mut PyObject,
) -> Option<*mut PyObject> {
    // SAFETY: `kwnames` is null or a tuple; `args` holds what both counts together say.
    unsafe {
        if kwnames.is_null() {
            return (nargs == 1).then(|| *args);
        }
        let amount = AMOUNT.get(py)?.as_ptr();
        // Names in a call are interned, so the usual case is decided by the address.
        let named = nargs == 0
            && ffi::PyTuple_Size(kwnames) == 1
            && ptr::eq(ffi::PyTuple_GetItem(kwnames, 0), amount);
        named.then(|| *args)
    }
}

enum Number {
    Whole(u64),
    Float(f64),
}

/// What an exact `int` from 0 to 2^63 - 1, or an exact `float`, holds. Runs no Python code and
/// leaves no exception set.
///
/// # Safety
///
/// The thread is attached and `object` is alive.
#[inline]
unsafe fn exact_number(object: *mut PyObject) -> Option<Number> {
    // SAFETY: the object is alive, and each conversion is called for its own exact type only.
    unsafe {
        if ffi::PyLong_CheckExact(object) != 0 {
            let mut overflow = 0;
            let whole = ffi::PyLong_AsLongLongAndOverflow(object, &raw mut overflow);
            // Negative, or -1 for what does not fit.
            return u64::try_from(whole).ok().map(Number::Whole);
        }
        if ffi::PyFloat_CheckExact(object) != 0 {
            return Some(Number::Float(ffi::PyFloat_AsDouble(object)));
        }
        None
    }
}

/// Calls PyO3's method with the same arguments.
///
/// # Safety
///
/// As [`counter_inc`].
#[cold]
unsafe fn by_pyo3(
    method: &'static PyOnceLock<Py<PyAny>>,
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargs: ffi::Py_ssize_t,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    let call = |py: Python<'_>| -> PyResult<*mut PyObject> {
        // SAFETY: the object, the names and the arguments are alive during the call.
        let (arguments, keywords) = unsafe {
            let names = Bound::from_borrowed_ptr_or_opt(py, kwnames);
            let names = names.map(Bound::cast_into::<PyTuple>).transpose()?;
            let count = usize::try_from(nargs)?;
            let of_name = names.as_ref().map_or(0, PyTupleMethods::len);
            // Without arguments, `args` may point nowhere.
            let total = count + of_name;
            let all = if total == 0 { &[] } else { std::slice::from_raw_parts(args, total) };
            let borrow = |one: &*mut PyObject| Bound::from_borrowed_ptr(py, *one);
            let mut positional = vec![Bound::from_borrowed_ptr(py, slf)];
            positional.extend(all[..count].iter().map(borrow));
            let keywords = PyDict::new(py);
            for (name, value) in names.iter().flatten().zip(all[count..].iter().map(borrow)) {
                keywords.set_item(name, value)?;
            }
            (PyTuple::new(py, positional)?, keywords)
        };
        let Some(method) = method.get(py) else {
            return Err(PySystemError::new_err("dataclay_metrics is not initialised"));
        };
        Ok(method.bind(py).call(arguments, Some(&keywords))?.into_ptr())
    };
    let result = catch_unwind(AssertUnwindSafe(|| {
        Python::attach(|py| {
            call(py).unwrap_or_else(|error| {
                error.restore(py);
                ptr::null_mut()
            })
        })
    }));
    result.unwrap_or_else(|_panic| {
        // SAFETY: the thread is attached; the message lives for ever.
        unsafe {
            let message = c"panic in dataclay_metrics";
            ffi::PyErr_SetString(ffi::PyExc_SystemError, message.as_ptr());
        }
        ptr::null_mut()
    })
}
