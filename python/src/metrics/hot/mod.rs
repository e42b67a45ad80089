//! The methods that hot loops call, with CPython's calling convention in place of PyO3's wrapper.
//!
//! PyO3 defines each of these methods, in the file of its class. This folder puts a second function
//! on the subclass that programs see. It handles the few usual forms of a call and passes all
//! others to PyO3.
//!
//! The table shows the gain, in nanoseconds per call with the loop. CPython 3.11.2 of Debian (PGO),
//! x86-64, 4 virtual processors, minimum of 41 rounds of 20,000 calls, in two runs of
//! `make bench-python`, with `install` and without:
//!
//! | call | PyO3 | here | a C method without arguments |
//! |---|---:|---:|---:|
//! | `inc()` | 31.0 | 15.3 | 13.5 |
//! | `inc(2)` | 42.6 | 17.8 | |
//! | `inc(2.5)` | 238 | 19.6 | |
//! | `inc(amount=2)` | 67.3 | 26.7 | |
//!
//! The same for gauges, on 2 virtual processors, in three runs of 50 rounds each that took turns:
//!
//! | call | PyO3 | here | a C method without arguments |
//! |---|---:|---:|---:|
//! | `set(2.5)` | 37.1 | 22.3 | 15.0 |
//! | `inc()` | 31.7 | 20.7 | |
//! | `dec()` | 32.6 | 21.3 | |
#![allow(unsafe_code, reason = "CPython's calling convention has no safe form; the gain is above")]

mod call;
mod method;
mod methods;

use std::ffi::CString;

use pyo3::ffi;
use pyo3::prelude::*;

use self::method::Method;
use self::methods::{DecGauge, Inc, IncGauge, Observe, ObserveSummary, Set};
use crate::interpreter::run::PerRun;
use crate::metrics::metric::Wrapper;

/// Puts the functions of this folder on the classes that programs see, once.
pub(crate) fn install(py: Python<'_>) -> PyResult<()> {
    static INSTALLED: PerRun<()> = PerRun::new();
    INSTALLED.get_or_try_init(py, || {
        install_one::<Inc>(py)?;
        install_one::<Observe>(py)?;
        install_one::<ObserveSummary>(py)?;
        install_one::<Set>(py)?;
        install_one::<IncGauge>(py)?;
        install_one::<DecGauge>(py)
    })?;
    Ok(())
}

fn install_one<M: Method>(py: Python<'_>) -> PyResult<()> {
    M::ARGUMENT.intern(py);
    let class = M::Class::subclass().of::<M::Class>(py)?;
    let doc: String = class.getattr(M::NAME)?.getattr("__doc__")?.extract()?;
    let doc = CString::new(format!("{}{}\n--\n\n{doc}", M::NAME, M::SIGNATURE))?;
    // CPython from 3.12 on does not count the references of None.
    let is_immortal = py.version_info() >= (3, 12);
    let call = if is_immortal { call::call::<M, true> } else { call::call::<M, false> };
    // Never freed, because the class is never freed.
    let definition = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: CString::new(M::NAME)?.into_raw(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: call },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: doc.into_raw(),
    }));
    // SAFETY:
    // * the type object is alive: `class` holds a reference;
    // * the definition, its name and its doc are never freed;
    // * the function has the signature that the two flags require;
    // * the result is a new reference or null with an exception set.
    let method = unsafe {
        let method = ffi::PyDescr_NewMethod(class.as_type_ptr(), definition);
        Bound::from_owned_ptr_or_err(py, method)?
    };
    class.setattr(M::NAME, method)
}
