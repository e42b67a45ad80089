//! The calls of a callback, in the view of the threads that make them: a call is requested, made,
//! or abandoned.

use std::time::Duration;

/// Enters what a function needs, such as an interpreter, and then calls its argument. It may wait,
/// and does not call if it is too late.
#[doc(hidden)]
pub type Door = fn(&mut dyn FnMut());

/// The state of a call that a gather has asked for.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The value is known, or there will be none.
    Settled,
    /// Another thread has the call.
    Pending,
    /// A thread must be found for the call.
    Queue,
}

/// The work that a call leaves behind.
#[doc(hidden)]
#[derive(Debug)]
pub struct Ran<'a> {
    /// The call is queued again.
    pub again: bool,
    /// The name of the function, if it panicked and the call before did not fail.
    pub panicked: Option<&'a str>,
}

/// A callback, whatever it returns.
#[doc(hidden)]
pub trait Call: Send + Sync {
    /// Asks for a call that begins after `since`, for a gather that waits for `limit`. It does not
    /// wait for a call if another gather has already waited as long in vain.
    fn ask(&self, since: u64, limit: Duration) -> Asked;

    /// Makes a queued call on this thread.
    fn run(&self) -> Ran<'_>;

    /// Ends a queued call that cannot be made, because its door is closed.
    fn refuse(&self);

    /// Notes that the gather that began at `since` has waited for `limit` without a result. Returns
    /// the name of the function if a log line is due.
    fn give_up(&self, since: u64, limit: Duration) -> Option<&str>;

    /// Drops a value from before that time.
    fn forget(&self, before: u64);

    fn door(&self) -> Option<Door>;

    /// Returns whether other processes see the value, and nobody has asked for it in this second.
    fn must_refresh(&self, second: u64) -> bool;
}
