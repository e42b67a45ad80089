//! The hooks of `os.fork`. CPython 3.12 and newer warn if a second thread exists, so the exporters'
//! threads end before a fork and start after that check.

use std::ffi::{c_int, c_void};

use dataclay_metrics_core::fork;
use pyo3::prelude::*;

use crate::interpreter::door;

/// Installs the fork handlers when the module is loaded. Libraries that are loaded later install
/// theirs later. So before a fork, our handlers run after theirs, when those have taken their
/// locks.
#[used]
#[allow(unsafe_code, reason = "the loader calls the functions in this section")]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = install;

extern "C" fn install() {
    fork::section(|| ());
}

/// Ends the exporters' threads, before a fork.
#[pyfunction]
pub(crate) fn before_fork(py: Python<'_>) {
    // Detached, because a scrape may wait for the interpreter.
    py.detach(fork::pause);
}

/// Resumes the exporters, after a fork, in the parent.
///
/// CPython 3.13 counts the threads only after this hook. On the main thread the exporters therefore
/// resume in a pending call, which runs when `os.fork` has returned to bytecode. This hook must not
/// be bytecode itself. On any other thread a pending call might never run, because the main thread
/// may be blocked. In that case the warning is correct anyway, because a second thread exists.
#[pyfunction]
pub(crate) fn after_fork_in_parent(py: Python<'_>) {
    if !on_main_thread() || !pending() {
        py.detach(fork::resume);
    }
}

/// Starts the exporters again, after a fork, in the child.
#[pyfunction]
pub(crate) fn after_fork_in_child() {
    door::after_fork_in_child();
    // Attached, because no other thread may run in the child before it is set up.
    fork::resume();
}

/// Returns whether this is the first thread of the process; `false` if the system does not show it.
fn on_main_thread() -> bool {
    let thread = std::fs::read_link("/proc/thread-self");
    let number = thread.ok().and_then(|entry| entry.file_name()?.to_str()?.parse().ok());
    number == Some(std::process::id())
}

/// Makes the interpreter resume the exporters when it runs bytecode again. Returns whether it will
/// do so.
#[allow(unsafe_code, reason = "PyO3 has no safe form of a pending call; one call per fork")]
fn pending() -> bool {
    extern "C" fn resume(_: *mut c_void) -> c_int {
        Python::attach(|py| py.detach(fork::resume));
        0
    }
    // SAFETY:
    // * `resume` has the type that the interpreter calls;
    // * the interpreter calls it on the main thread, attached, by its documentation;
    // * the module that holds it is never unloaded;
    // * it ignores its argument, sets no exception and returns 0.
    unsafe { pyo3::ffi::Py_AddPendingCall(Some(resume), std::ptr::null_mut()) == 0 }
}
