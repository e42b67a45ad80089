//! The trait of the methods of this folder.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::metrics::metric::Wrapper;

/// A method that takes one number. Each function returns whether it did the work; if not, PyO3's
/// method is called.
pub(super) trait Method {
    type Class: Wrapper;

    const NAME: &'static str;
    /// The name of the number.
    const ARGUMENT: &'static Name;
    /// The signature, in the form that CPython reads from the first line of the documentation.
    const SIGNATURE: &'static str;

    /// Runs without an argument.
    fn without(_: &Core<Self>) -> bool {
        false
    }

    /// Runs with a float.
    fn with(metric: &Core<Self>, number: f64) -> bool;

    /// Runs with an int.
    ///
    /// # Safety
    ///
    /// The thread is attached, and `number` is an exact int, alive.
    unsafe fn with_int(metric: &Core<Self>, number: *mut PyObject) -> bool {
        // SAFETY: as for this function. The conversion of an exact int runs no Python code.
        unsafe {
            let float = ffi::PyLong_AsDouble(number);
            if float.to_bits() == (-1.0_f64).to_bits() && !ffi::PyErr_Occurred().is_null() {
                ffi::PyErr_Clear();
                return false;
            }
            Self::with(metric, float)
        }
    }
}

pub(super) type Core<M> = <<M as Method>::Class as Wrapper>::Core;

/// The name of an argument. Names in a call are interned, so comparing addresses usually suffices.
pub(super) struct Name {
    text: &'static str,
    /// Never freed.
    interned: AtomicPtr<PyObject>,
}

impl Name {
    pub(super) const fn new(text: &'static str) -> Name {
        Name { text, interned: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Interns the name. Before that, [`Name::is`] is false.
    pub(super) fn intern(&self, py: Python<'_>) {
        self.interned.store(PyString::intern(py, self.text).into_ptr(), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is(&self, name: *mut PyObject) -> bool {
        ptr::eq(name, self.interned.load(Ordering::Relaxed))
    }
}
