//! The methods that hot loops call, with CPython's calling convention in place of PyO3's wrapper.
//!
//! PyO3 defines each of these methods, in `counter.rs`. This file puts a second function in its
//! place on the class. It handles the few usual forms of a call and passes all others to PyO3.
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

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use dataclay_metrics_core as core;
use pyo3::exceptions::PySystemError;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::metrics::counter::Counter;

/// `Counter.inc` as PyO3 defines it.
static COUNTER_INC: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
/// The interned `"amount"`, the name of the argument in `inc(amount=2)`. Never freed.
static AMOUNT: AtomicPtr<PyObject> = AtomicPtr::new(ptr::null_mut());

/// Puts the functions of this file on their classes, which are those of the whole process.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<Counter>();
    // Each interpreter interns its own.
    AMOUNT.store(PyString::intern(py, "amount").into_ptr(), Ordering::Relaxed);
    COUNTER_INC.get_or_try_init(py, || {
        let by_pyo3 = class.getattr("inc")?;
        let doc: String = by_pyo3.getattr("__doc__")?.extract()?;
        // CPython reads the signature from the first line.
        let doc =
            std::ffi::CString::new(format!("inc($self, amount=1, exemplar=None)\n--\n\n{doc}"))?;
        let immortal = py.version_info() >= (3, 12);
        let function = if immortal { counter_inc::<true> } else { counter_inc::<false> };
        // Never freed, as the class never is.
        let definition = Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: c"inc".as_ptr(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: function },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: doc.into_raw(),
        }));
        // SAFETY:
        // * the type object is alive: `class` holds a reference;
        // * the definition, its name and its doc are never freed;
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

/// Implements `Counter.inc(self, amount=1)`: jumps to one of the functions below, so that each
/// saves only the registers that it needs. They handle a call without an argument, and one with an
/// exact int below 2^64 - 1 or an exact float, positional or by name. PyO3 handles all others.
///
/// # Safety
///
/// Called by CPython alone, through the method descriptor made above. So
/// * the thread is attached to the interpreter;
/// * `slf` is a `Counter`: the descriptor has checked that, and the class has no subclasses;
/// * `kwnames` is null or a tuple of `str`;
/// * `args` holds `nargs` positional arguments and then one for each name;
/// * all of them stay alive during the call;
/// * `IMMORTAL` is whether the interpreter does not count the references of None.
unsafe extern "C" fn counter_inc<const IMMORTAL: bool>(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargs: ffi::Py_ssize_t,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as for this function.
    unsafe {
        match nargs {
            0 if kwnames.is_null() => inc_one::<IMMORTAL>(slf),
            1 if kwnames.is_null() => inc_by::<IMMORTAL>(slf, *args),
            _ => inc_by_name::<IMMORTAL>(slf, args, nargs, kwnames),
        }
    }
}

/// Implements `inc()`.
///
/// # Safety
///
/// As [`counter_inc`].
#[inline(never)]
unsafe extern "C" fn inc_one<const IMMORTAL: bool>(slf: *mut PyObject) -> *mut PyObject {
    // SAFETY: as for this function.
    unsafe {
        let Some(counter) = counter(&slf) else {
            return by_pyo3(slf, ptr::null(), 0, ptr::null_mut());
        };
        counter.inc();
        none::<IMMORTAL>()
    }
}

/// Implements `inc(amount)`.
///
/// # Safety
///
/// As [`counter_inc`]; `amount` is an argument of that.
#[inline(never)]
unsafe extern "C" fn inc_by<const IMMORTAL: bool>(
    slf: *mut PyObject,
    amount: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as for this function; each conversion is called for its exact type only, so it runs
    // no Python code.
    unsafe {
        if ffi::PyFloat_CheckExact(amount) != 0 {
            return inc_by_float::<IMMORTAL>(slf, amount);
        }
        if ffi::PyLong_CheckExact(amount) != 0 {
            if let Some(counter) = counter(&slf) {
                let whole = ffi::PyLong_AsSize_t(amount);
                if whole != usize::MAX {
                    counter.inc_by(whole as u64);
                    return none::<IMMORTAL>();
                }
                // Negative or too large, or exactly this number.
                ffi::PyErr_Clear();
            }
        }
        by_pyo3(slf, &raw const amount, 1, ptr::null_mut())
    }
}

/// Implements `inc(amount)` for an exact float.
///
/// # Safety
///
/// As [`inc_by`].
#[inline(never)]
unsafe extern "C" fn inc_by_float<const IMMORTAL: bool>(
    slf: *mut PyObject,
    amount: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as for this function.
    unsafe {
        match counter(&slf) {
            Some(counter) if counter.inc_by_f64(ffi::PyFloat_AsDouble(amount)).is_ok() => {
                none::<IMMORTAL>()
            }
            _ => by_pyo3(slf, &raw const amount, 1, ptr::null_mut()),
        }
    }
}

/// Implements `inc(amount=amount)`, and passes other calls to PyO3.
///
/// # Safety
///
/// As [`counter_inc`].
#[inline(never)]
unsafe extern "C" fn inc_by_name<const IMMORTAL: bool>(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargs: ffi::Py_ssize_t,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as for this function.
    unsafe {
        // Names in a call are interned, so the address decides the usual case.
        if nargs == 0
            && ffi::Py_SIZE(kwnames) == 1
            && ptr::eq(ffi::PyTuple_GetItem(kwnames, 0), AMOUNT.load(Ordering::Relaxed))
        {
            inc_by::<IMMORTAL>(slf, *args)
        } else {
            by_pyo3(slf, args, nargs, kwnames)
        }
    }
}

/// Returns the core's counter; `None` for a parent.
///
/// # Safety
///
/// `slf` is a `Counter`, alive, and the thread is attached.
#[inline]
unsafe fn counter(slf: &*mut PyObject) -> Option<&core::Counter> {
    // SAFETY: the thread is attached, `slf` is a `Counter` and outlives the call.
    unsafe {
        let py = Python::assume_attached();
        Borrowed::from_ptr(py, *slf).cast_unchecked::<Counter>().get().0.one()
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
/// As [`counter_inc`].
#[cold]
unsafe fn by_pyo3(
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
        let Some(method) = COUNTER_INC.get(py) else {
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
        // SAFETY: the thread is attached; the message is static.
        unsafe {
            let message = c"panic in dataclay_metrics";
            ffi::PyErr_SetString(ffi::PyExc_SystemError, message.as_ptr());
        }
        ptr::null_mut()
    })
}
