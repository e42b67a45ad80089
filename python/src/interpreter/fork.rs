//! What the interpreter's own fork needs: CPython 3.12 and newer warn of a fork while the process
//! has a second thread, so the exporters' threads end before it, and start after that check.

use std::ffi::{c_int, c_void};

use dataclay_metrics_core::fork;
use pyo3::prelude::*;

use crate::interpreter::door;

/// Before a fork: ends the exporters' threads.
#[pyfunction]
pub(crate) fn before_fork(py: Python<'_>) {
    // Detached: a scrape that is being answered may wait for the interpreter.
    py.detach(fork::pause);
}

/// After a fork, in the parent: the exporters go on.
///
/// CPython 3.13 counts the threads only after this hook. On the main thread a pending call comes
/// later still: when `os.fork` has returned to bytecode (so this hook must be no bytecode itself). On any other thread it might never come, if the main
/// one is blocked, and there the warning is due anyway, because that thread is not alone.
#[pyfunction]
pub(crate) fn after_fork_in_parent(py: Python<'_>) {
    if !on_main_thread() || !pending() {
        py.detach(fork::resume);
    }
}

/// After a fork, in the child: the exporters start anew.
#[pyfunction]
pub(crate) fn after_fork_in_child() {
    door::after_fork_in_child();
    // Attached: nobody else is to run in the child before it is set up.
    fork::resume();
}

/// Whether this is the process's first thread; `false` where the system does not tell.
fn on_main_thread() -> bool {
    let thread = std::fs::read_link("/proc/thread-self");
    let number = thread.ok().and_then(|entry| entry.file_name()?.to_str()?.parse().ok());
    number == Some(std::process::id())
}

/// Whether the interpreter will resume the exporters as soon as it runs bytecode again.
#[allow(unsafe_code, reason = "PyO3 has no safe form of a pending call; one call per fork")]
fn pending() -> bool {
    extern "C" fn resume(_: *mut c_void) -> c_int {
        Python::attach(|py| py.detach(fork::resume));
        0
    }
    // SAFETY: `resume` is of the type that the interpreter calls, which it does on the main thread,
    // attached, as its documentation promises; the module that holds it is never unloaded; it
    // ignores its argument, sets no exception and returns 0.
    unsafe { pyo3::ffi::Py_AddPendingCall(Some(resume), std::ptr::null_mut()) == 0 }
}
