//! Sets the blocked signals and the stack size of a new thread.
#![allow(unsafe_code, reason = "the system's interface to threads is C; see the SAFETY comments")]

use std::mem::MaybeUninit;
use std::ptr;

use libc::{SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};

/// The synchronous signals, which a thread causes itself. Blocking them would hide a defect, or end
/// the process without the application's handler for them.
const SYNCHRONOUS: [libc::c_int; 6] = [SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP];
/// The minimum stack size of a thread, as in `std`. Some systems have a smaller default.
const SMALLEST_STACK: usize = 2 << 20;

/// Runs `work`, which starts a thread, while all signals except the synchronous ones are blocked.
/// The new thread inherits that, so signals to the process always reach a thread of the
/// application.
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
    // `before` if it returns 0; it fails only for an invalid first argument.
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

/// Returns the default stack size of threads, usually 8 MiB (`ulimit -s`). Threads of this crate
/// run functions of the application, which were written for such stacks.
pub(crate) fn stack_size() -> usize {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut size = 0;
    // SAFETY: the first call initialises the attributes if it returns 0. The others use them only
    // in that case, and the last one destroys them.
    unsafe {
        if libc::pthread_attr_init(attributes.as_mut_ptr()) == 0 {
            libc::pthread_attr_getstacksize(attributes.as_ptr(), &raw mut size);
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
        }
    }
    size.max(SMALLEST_STACK)
}
