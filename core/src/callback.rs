//! The function that gives a gauge its value: who calls it, and what its failures cost.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::health;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// A gauge's function. A failure leaves the gauge out of that gather, and is counted.
pub(crate) struct Callback {
    function: Box<dyn Fn() -> Option<f64> + Send + Sync>,
    /// The gauge, for log lines.
    pub(crate) name: String,
    /// The process in which a call runs on a thread of its own; 0 if none does.
    running_in: AtomicU64,
    failing: AtomicBool,
}

/// Why a call gave no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It said so itself.
    Nothing,
    Panicked,
    /// It took too long, and goes on.
    #[cfg(any(feature = "http", feature = "push"))]
    Late,
    /// An earlier call, that was too long, still runs.
    #[cfg(any(feature = "http", feature = "push"))]
    Runs,
}

/// Makes a call in a way of its own.
pub(crate) type Caller = Box<dyn FnMut(&Arc<Callback>) -> Result<f64, Failure>>;

thread_local! {
    static CALLER: RefCell<Option<Caller>> = const { RefCell::new(None) };
}

/// Has `caller` make the calls that `gather` causes on this thread, which otherwise are plain
/// calls. `caller` is given back.
#[cfg(any(feature = "http", feature = "push"))]
pub(crate) fn called_by<R>(caller: Caller, gather: impl FnOnce() -> R) -> R {
    CALLER.set(Some(caller));
    let gathered = gather();
    CALLER.take();
    gathered
}

impl Callback {
    pub(crate) fn new(
        name: &str,
        function: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) -> Callback {
        Callback {
            function: Box::new(function),
            name: name.to_owned(),
            running_in: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        }
    }

    /// The value, by the calling thread's caller. A caller that is at work is not called again: a
    /// function that reads a gauge of this kind calls it plainly.
    pub(crate) fn value(self: &Arc<Callback>) -> Option<f64> {
        let value = match CALLER.take() {
            Some(mut caller) => {
                let value = caller(self);
                CALLER.set(Some(caller));
                value
            }
            None => self.call(),
        };
        if value.is_err() {
            health::CALLBACK_FAILURES.fetch_add(1, Ordering::Relaxed);
        }
        value.ok()
    }

    /// The call itself, on this thread.
    pub(crate) fn call(&self) -> Result<f64, Failure> {
        match catch_unwind(AssertUnwindSafe(|| (self.function)())) {
            Ok(value) => value.ok_or(Failure::Nothing),
            Err(_) => Err(Failure::Panicked),
        }
    }

    /// The first failure of a row, to be logged: `true` once until a call succeeds.
    #[cfg(any(feature = "http", feature = "push"))]
    pub(crate) fn begins_to_fail(&self, failed: bool) -> bool {
        !self.failing.swap(failed, Ordering::Relaxed) && failed
    }

    /// Marks a call as running on a thread that may be given up; `false` if one does already.
    #[cfg(any(feature = "http", feature = "push"))]
    pub(crate) fn begin(&self) -> bool {
        let here = u64::from(std::process::id());
        self.running_in.swap(here, Ordering::Relaxed) != here
    }

    /// The end of [`Callback::begin`].
    #[cfg(any(feature = "http", feature = "push"))]
    pub(crate) fn end(&self) {
        self.running_in.store(0, Ordering::Relaxed);
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("name", &self.name).finish_non_exhaustive()
    }
}
