//! `Histogram.observe` and `Summary.observe`.

use dataclay_metrics_core as core;
use pyo3::ffi::{self, PyObject};

use super::{Hot, by_pyo3, none, one};
use crate::metrics::histogram::Histogram;
use crate::metrics::summary::Summary;

/// A metric of the core that observes numbers.
trait Observe {
    fn observe(&self, number: f64);
}

impl Observe for core::Histogram {
    #[inline]
    fn observe(&self, number: f64) {
        self.observe(number);
    }
}

impl Observe for core::Summary {
    #[inline]
    fn observe(&self, number: f64) {
        self.observe(number);
    }
}

impl Hot for Histogram {
    const METHOD: &'static str = "observe";
    const SIGNATURE: &'static str = "($self, amount, exemplar=None)";

    fn function(immortal: bool) -> ffi::PyCFunctionFastWithKeywords {
        if immortal { observe::<Histogram, true> } else { observe::<Histogram, false> }
    }
}

impl Hot for Summary {
    const METHOD: &'static str = "observe";
    const SIGNATURE: &'static str = "($self, amount)";

    fn function(immortal: bool) -> ffi::PyCFunctionFastWithKeywords {
        if immortal { observe::<Summary, true> } else { observe::<Summary, false> }
    }
}

/// Implements `observe(self, amount)`. Handles a call with one exact float or int, positional.
/// PyO3 handles all others.
///
/// # Safety
///
/// Called by CPython alone, through the method descriptor of `install`. So
/// * the thread is attached to the interpreter;
/// * `slf` is of the class `W`: the descriptor has checked that, or of a subclass of it;
/// * `kwnames` is null or a tuple of `str`;
/// * `args` holds `nargs` positional arguments and then one for each name;
/// * all of them stay alive during the call;
/// * `IMMORTAL` is whether the interpreter does not count the references of None.
unsafe extern "C" fn observe<W: Hot<Core: Observe>, const IMMORTAL: bool>(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    nargs: ffi::Py_ssize_t,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: as for this function; each conversion is called for its exact type only, so it runs
    // no Python code.
    unsafe {
        if nargs == 1 && kwnames.is_null() {
            if let Some(metric) = one::<W>(&slf) {
                let amount = *args;
                if ffi::PyFloat_CheckExact(amount) != 0 {
                    metric.observe(ffi::PyFloat_AsDouble(amount));
                    return none::<IMMORTAL>();
                }
                if ffi::PyLong_CheckExact(amount) != 0 {
                    let number = ffi::PyLong_AsDouble(amount);
                    if number.to_bits() != (-1.0_f64).to_bits() {
                        metric.observe(number);
                        return none::<IMMORTAL>();
                    }
                    // Too large, or exactly this number.
                    ffi::PyErr_Clear();
                }
            }
        }
        by_pyo3::<W>(slf, args, nargs, kwnames)
    }
}
