//! The system's settings of a new thread: its blocked signals and the size of its stack.
#![allow(unsafe_code, reason = "the system's interface to threads is C; see the SAFETY comments")]

use std::mem::MaybeUninit;
use std::ptr;

use libc::{SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};

/// The signals that a thread causes by what it does. Blocking them would hide a defect, or end the
/// process without the handler that the application has for them.
const SYNCHRONOUS: [libc::c_int; 6] = [SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP];
/// The smallest stack of a thread, as in `std`. Some systems have less.
const SMALLEST_STACK: usize = 2 << 20;

/// Runs `work`, which starts a thread, while all signals but the synchronous ones are blocked. The
/// new thread inherits that, so signals of the process always reach a thread of the application.
pub(crate) fn without_signals<T>(work: impl FnOnce() -> T) -> T {
    let _restore = block();
    work()
}

/// Restores the blocked signals of the calling thread.
struct Restore(libc::sigset_t);

impl Drop for Restore {
    fn drop(&mut self) {
        // SAFETY: `block` has read this set from the system; NULL means that none is returned.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
    }
}

fn block() -> Option<Restore> {
    let mut blocked = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigfillset` initialises the set that the other calls read. The last call initialises
    // `before` if it returns 0; it fails only for an unknown first argument.
    unsafe {
        libc::sigfillset(blocked.as_mut_ptr());
        for signal in SYNCHRONOUS {
            libc::sigdelset(blocked.as_mut_ptr(), signal);
        }
        let status =
            libc::pthread_sigmask(libc::SIG_SETMASK, blocked.as_ptr(), before.as_mut_ptr());
        (status == 0).then(|| Restore(before.assume_init()))
    }
}

/// Returns the stack size of the system's threads, 8 MiB as a rule (`ulimit -s`). Threads of this
/// crate run functions of the application, which were written for such stacks.
pub(crate) fn stack_size() -> usize {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut size = 0;
    // SAFETY: the first call initialises the attributes if it returns 0. The others use them only
    // then, and the last one ends their life.
    unsafe {
        if libc::pthread_attr_init(attributes.as_mut_ptr()) == 0 {
            libc::pthread_attr_getstacksize(attributes.as_ptr(), &raw mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
        }
    }
    size.max(SMALLEST_STACK)
}
