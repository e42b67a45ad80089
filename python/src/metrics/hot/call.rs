//! The function that CPython calls: it sorts the forms of a call.

use std::hint::assert_unchecked;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::method::{Core, Method};
use crate::metrics::metric::Wrapper;

/// Implements a method: jumps to one of the functions below, so that each saves only the registers
/// that it needs. They handle a call without an argument, and one with an exact int or float,
/// positional or by name. PyO3 handles all others.
///
/// # Safety
///
/// Only CPython may call it, through the method descriptor of `install_one`. So
/// * the thread is attached to the interpreter;
/// * `slf` is of the class `M::Class` or of a subclass, because the descriptor has checked that;
/// * `kwnames` is null or a tuple of `str`;
/// * `args` has `nargs` positional arguments and then one for each name;
/// * all of them are alive during the call;
/// * `IMMORTAL` is whether the interpreter does not count the references of None.
pub(super) unsafe extern "C" fn call<M: Method, const IMMORTAL: bool>(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargs: ffi::Py_ssize_t,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as for this function.
    unsafe {
        match nargs {
            0 if kwnames.is_null() => without::<M, IMMORTAL>(slf),
            1 if kwnames.is_null() => with::<M, IMMORTAL>(slf, args),
            _ => by_name::<M, IMMORTAL>(slf, args, nargs, kwnames),
        }
    }
}

/// Implements a call without an argument.
///
/// # Safety
///
/// As [`call`].
#[inline(never)]
unsafe extern "C" fn without<M: Method, const IMMORTAL: bool>(slf: *mut PyObject) -> *mut PyObject {
    // SAFETY: as for this function.
    unsafe {
        match one::<M>(&slf) {
            Some(metric) if M::without(metric) => none::<IMMORTAL>(),
            _ => by_pyo3::<M>(slf, ptr::null(), 0, ptr::null_mut()),
        }
    }
}

/// Implements a call with one argument.
///
/// # Safety
///
/// As [`call`], with one argument.
#[inline(never)]
unsafe extern "C" fn with<M: Method, const IMMORTAL: bool>(
    slf: *mut PyObject,
    args: *const *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as for this function.
    unsafe {
        if ffi::PyFloat_CheckExact(*args) != 0 {
            with_float::<M, IMMORTAL>(slf, args)
        } else {
            with_int::<M, IMMORTAL>(slf, args)
        }
    }
}

/// Implements a call with one exact float.
///
/// # Safety
///
/// As [`with`].
#[inline(never)]
unsafe extern "C" fn with_float<M: Method, const IMMORTAL: bool>(
    slf: *mut PyObject,
    args: *const *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as for this function. The conversion of an exact float cannot fail.
    unsafe {
        match one::<M>(&slf) {
            Some(metric) if M::with(metric, ffi::PyFloat_AsDouble(*args)) => none::<IMMORTAL>(),
            _ => by_pyo3::<M>(slf, args, 1, ptr::null_mut()),
        }
    }
}

/// Implements a call with one exact int, and passes other numbers to PyO3.
///
/// # Safety
///
/// As [`with`].
#[inline(never)]
unsafe extern "C" fn with_int<M: Method, const IMMORTAL: bool>(
    slf: *mut PyObject,
    args: *const *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as for this function.
    unsafe {
        match one::<M>(&slf) {
            Some(metric) if ffi::PyLong_CheckExact(*args) != 0 && M::with_int(metric, *args) => {
                none::<IMMORTAL>()
            }
            _ => by_pyo3::<M>(slf, args, 1, ptr::null_mut()),
        }
    }
}

/// Implements a call with one argument by name, and passes other calls to PyO3.
///
/// # Safety
///
/// As [`call`].
#[inline(never)]
unsafe extern "C" fn by_name<M: Method, const IMMORTAL: bool>(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargs: ffi::Py_ssize_t,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as for this function. `kwnames` is not null, because `call` handles a call without
    // names.
    unsafe {
        if nargs == 0
            && ffi::Py_SIZE(kwnames) == 1
            && M::ARGUMENT.is(ffi::PyTuple_GetItem(kwnames, 0))
        {
            with::<M, IMMORTAL>(slf, args)
        } else {
            by_pyo3::<M>(slf, args, nargs, kwnames)
        }
    }
}

/// Returns the core's metric; `None` for a parent.
///
/// # Safety
///
/// `slf` is an object of the class or of a subclass, alive, and the thread is attached.
#[inline]
unsafe fn one<M: Method>(slf: &*mut PyObject) -> Option<&Core<M>> {
    // SAFETY: the thread is attached, `slf` is of this class and outlives the call.
    unsafe {
        let py = Python::assume_attached();
        assert_unchecked(!slf.is_null());
        Borrowed::from_ptr(py, *slf).cast_unchecked::<M::Class>().get().metric().one()
    }
}

/// Returns a new reference to None, without the call that the limited API needs for it.
///
/// # Safety
///
/// The thread is attached, and `IMMORTAL` is true from CPython 3.12 on. Older versions count the
/// references of None, but no other thread changes that count while this one is attached.
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
/// As [`call`].
#[cold]
unsafe fn by_pyo3<M: Method>(
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
            // Without arguments, `args` may be dangling.
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
        let method = py.get_type::<M::Class>().getattr(M::NAME)?;
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
