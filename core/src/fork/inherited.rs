//! Closes descriptors of threads that a forked child does not have.
#![allow(unsafe_code, reason = "only the descriptor's number is left in the child")]

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// Closes, in a forked child, a descriptor whose owner was another thread of the parent.
pub(crate) fn close(descriptor: RawFd) {
    // SAFETY: the descriptor is open, because the thread that owned it was alive at the fork. In
    // the child it has no owner, because that thread does not exist there.
    drop(unsafe { OwnedFd::from_raw_fd(descriptor) });
}
