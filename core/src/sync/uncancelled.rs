//! Runs the rare part of a count so that neither `pthread_cancel` nor a panic unwinds out of it.
//!
//! `pthread_cancel` ends a thread by unwinding its stack, at any instruction if the thread asked
//! for that (`PTHREAD_CANCEL_ASYNCHRONOUS`). A frame of Rust with landing pads then aborts the
//! process. So a count has no landing pad: all its code that may panic runs in [`rarely`].
#![expect(unsafe_code, reason = "libc does not declare the function")]

use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, catch_unwind};

unsafe extern "C" {
    /// Fails only for an invalid state.
    safe fn pthread_setcancelstate(state: c_int, before: Option<&mut c_int>) -> c_int;
}

/// The state in which a request to cancel the thread waits.
const DISABLE: c_int = 1;

/// While this value lives, the calling thread cannot be cancelled.
#[derive(Debug)]
pub struct Uncancelled(c_int);

impl Uncancelled {
    /// Disables cancellation of the calling thread.
    #[must_use]
    pub fn new() -> Uncancelled {
        Uncancelled(set_state(DISABLE))
    }
}

impl Default for Uncancelled {
    fn default() -> Uncancelled {
        Uncancelled::new()
    }
}

impl Drop for Uncancelled {
    fn drop(&mut self) {
        set_state(self.0);
    }
}

/// Returns the former state.
fn set_state(state: c_int) -> c_int {
    // Some C libraries write the former state without a check for NULL.
    let mut before = 0;
    pthread_setcancelstate(state, Some(&mut before));
    before
}

/// Runs the rare part of a count, which may take locks and allocate. A panic in it is a defect of
/// this crate: the panic hook prints it, and the count is lost.
///
/// `extern "C"` promises every caller that this function does not unwind.
#[cold]
#[inline(never)]
pub(crate) extern "C" fn rarely<F: FnOnce()>(count: F) {
    let before = set_state(DISABLE);
    caught(count);
    set_state(before);
}

#[inline(never)]
extern "C" fn caught<F: FnOnce()>(count: F) {
    let _ = catch_unwind(AssertUnwindSafe(count));
}
