//! `Counter.inc`.

use std::ptr;
use std::sync::atomic::Ordering;

use pyo3::ffi::{self, PyObject};

use super::{AMOUNT, Hot, by_pyo3, none, one};
use crate::metrics::counter::Counter;

impl Hot for Counter {
    const METHOD: &'static str = "inc";
    const SIGNATURE: &'static str = "($self, amount=1, exemplar=None)";

    fn function(immortal: bool) -> ffi::PyCFunctionFastWithKeywords {
        if immortal { counter_inc::<true> } else { counter_inc::<false> }
    }
}

/// Implements `Counter.inc(self, amount=1)`: jumps to one of the functions below, so that each
/// saves only the registers that it needs. They handle a call without an argument, and one with an
/// exact int below 2^64 - 1 or an exact float, positional or by name. PyO3 handles all others.
///
/// # Safety
///
/// Called by CPython alone, through the method descriptor of `install`. So
/// * the thread is attached to the interpreter;
/// * `slf` is a `Counter` or of a subclass: the descriptor has checked that;
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
        let Some(counter) = one::<Counter>(&slf) else {
            return by_pyo3::<Counter>(slf, ptr::null(), 0, ptr::null_mut());
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
            if let Some(counter) = one::<Counter>(&slf) {
                let whole = ffi::PyLong_AsSize_t(amount);
                if whole != usize::MAX {
                    counter.inc_by(whole as u64);
                    return none::<IMMORTAL>();
                }
                // Negative or too large, or exactly this number.
                ffi::PyErr_Clear();
            }
        }
        by_pyo3::<Counter>(slf, &raw const amount, 1, ptr::null_mut())
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
        match one::<Counter>(&slf) {
            Some(counter) if counter.inc_by_f64(ffi::PyFloat_AsDouble(amount)).is_ok() => {
                none::<IMMORTAL>()
            }
            _ => by_pyo3::<Counter>(slf, &raw const amount, 1, ptr::null_mut()),
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
            by_pyo3::<Counter>(slf, args, nargs, kwnames)
        }
    }
}
