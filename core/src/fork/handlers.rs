//! The three handlers that the system calls around a fork.
#![allow(unsafe_code, reason = "the system's interface to fork is C; see the SAFETY comment")]

use crate::count::claim;
use crate::diagnostics::{events, notes};
use crate::fork::exporters;
use crate::sync::gate;

/// Registers the handlers. Must be called once per process.
pub(crate) fn register() {
    // SAFETY: the three are functions without arguments that do not unwind (`extern "C"` aborts
    // instead). They live as long as this library, and the C library forgets them when it is
    // unloaded. The call fails only if memory is exhausted. In that case a child continues from the
    // counts of its parent.
    unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
}

extern "C" fn before() {
    exporters::pause();
    gate::close();
}

extern "C" fn in_parent() {
    gate::open();
    exporters::resume();
}

extern "C" fn in_child() {
    claim::restart();
    events::restart();
    notes::restart();
    exporters::restart_in_child();
    gate::open();
    exporters::resume();
}
