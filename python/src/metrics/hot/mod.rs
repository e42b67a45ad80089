//! The methods that hot loops call, with CPython's calling convention in place of PyO3's wrapper.
//!
//! PyO3 defines each of these methods, in the file of its class. This folder puts a second function
//! on the subclass that programs see. It handles the few usual forms of a call and passes all
//! others to PyO3.
//!
//! The gain, in nanoseconds per call with the loop. CPython 3.11.2 of Debian (PGO), x86-64, 4
//! virtual processors, minimum of 41 rounds of 20,000 calls, in two runs of `make bench-python`,
//! with `install` and without:
//!
//! | call | PyO3 | here | a C method without arguments |
//! |---|---:|---:|---:|
//! | `inc()` | 31.0 | 15.3 | 13.5 |
//! | `inc(2)` | 42.6 | 17.8 | |
//! | `inc(2.5)` | 238 | 19.6 | |
//! | `inc(amount=2)` | 67.3 | 26.7 | |
#![allow(unsafe_code, reason = "CPython's calling convention has no safe form; the gain is above")]

mod inc;
mod observe;

use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::interpreter::run::PerRun;
use crate::metrics::counter::Counter;
use crate::metrics::histogram::Histogram;
use crate::metrics::metric::Wrapper;
use crate::metrics::summary::Summary;

/// The interned `"amount"`, the name of the argument in `inc(amount=2)`. Never freed.
static AMOUNT: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());

/// A class with a hot method.
trait Hot: Wrapper {
    const METHOD: &'static str;
    /// As CPython reads it from the first line of the documentation.
    const SIGNATURE: &'static str;

    /// Returns the function that takes its place. `immortal` is whether the interpreter does not
    /// count the references of None.
    fn function(immortal: bool) -> ffi::PyCFunctionFastWithKeywords;
}

/// Puts the functions of this folder on the classes that programs see, once.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    static INSTALLED: PerRun<()> = PerRun::new();
    INSTALLED.get_or_try_init(py, || {
        AMOUNT.store(PyString::intern(py, "amount").into_ptr(), Ordering::Relaxed);
        install_on::<Counter>(py)?;
        install_on::<Histogram>(py)?;
        install_on::<Summary>(py)
    })?;
    Ok(())
}

fn install_on<W: Hot>(py: Python<'_>) -> PyResult<()> {
    let class = W::subclass().of::<W>(py)?;
    let doc: String = class.getattr(W::METHOD)?.getattr("__doc__")?.extract()?;
    let doc = CString::new(format!("{}{}\n--\n\n{doc}", W::METHOD, W::SIGNATURE))?;
    let immortal = py.version_info() >= (3, 12);
    // Never freed, as the class never is.
    let definition = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: CString::new(W::METHOD)?.into_raw(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: W::function(immortal) },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: doc.into_raw(),
    }));
    // SAFETY:
    // * the type object is alive: `class` holds a reference;
    // * the definition, its name and its doc are never freed;
    // * the function has the signature that the two flags ask for;
    // * the result is a new reference or null with an exception set.
    let method = unsafe {
        let method = ffi::PyDescr_NewMethod(class.as_type_ptr(), definition);
        Bound::from_owned_ptr_or_err(py, method)?
    };
    class.setattr(W::METHOD, method)
}

/// Returns the core's metric; `None` for a parent.
///
/// # Safety
///
/// `slf` is an object of the class `W` or of a subclass, alive, and the thread is attached.
#[inline]
unsafe fn one<W: Hot>(slf: &*mut PyObject) -> Option<&W::Core> {
    // SAFETY: the thread is attached, `slf` is of this class and outlives the call.
    unsafe {
        let py = Python::assume_attached();
        Borrowed::from_ptr(py, *slf).cast_unchecked::<W>().get().metric().one()
    }
}

/// Returns a new reference to None, without the call that the limited API needs for it.
///
/// # Safety
///
/// The thread is attached, and `IMMORTAL` is true from CPython 3.12 on. Older ones count the
/// references of None, and there no other thread changes the count while this one is attached.
#[inline]
unsafe fn none<const IMMORTAL: bool>() -> *mut PyObject {
    // SAFETY: None is alive as long as the interpreter.
    unsafe {
        let none = ffi::Py_None();
        if !IMMORTAL {
            (*none).ob_refcnt += 1;
        }
        none
    }
}

/// Calls PyO3's method with the same arguments.
///
/// # Safety
///
/// As for a function of [`Hot::function`].
#[cold]
unsafe fn by_pyo3<W: Hot>(
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
        let method = py.get_type::<W>().getattr(W::METHOD)?;
        Ok(method.call(arguments, Some(&keywords))?.into_ptr())
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
        // SAFETY: the thread is attached; the message is static.
        unsafe {
            let message = c"panic in dataclay_metrics";
            ffi::PyErr_SetString(ffi::PyExc_SystemError, message.as_ptr());
        }
        ptr::null_mut()
    })
}
