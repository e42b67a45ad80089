//! Functions of the application that a gather calls, and how their failures are counted.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::count::events;
use crate::sync::locks::Mutex;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// A function of the application that a [`Collector`](crate::Collector) calls to collect. It may
/// take long, panic, or return nothing.
///
/// Scrapes and pushes call it under a deadline, on a thread that is given up if the call takes
/// too long. All others call it plainly. `dataclay_metrics_callback_failures_total` counts its
/// failures. A failure leaves out what the function would have returned, and nothing else.
///
/// ```
/// use dataclay_metrics_core::Callback;
///
/// let load = Callback::new("the load", || Some(0.5));
/// assert_eq!(load.call(), Some(0.5));
/// ```
pub struct Callback<T> {
    function: Box<dyn Fn() -> Option<T> + Send + Sync>,
    /// Passes the value from the calling thread to the gathering one.
    value: Mutex<Option<T>>,
    status: Status,
}

/// The state of the calls of a function.
#[cfg_attr(not(feature = "exposition"), expect(dead_code, reason = "plain calls"))]
pub(crate) struct Status {
    /// Names the function, in log lines.
    pub(crate) what: String,
    /// The process in which a call runs on another thread, or 0.
    running_in: AtomicU64,
    failing: AtomicBool,
}

/// Why a call returned no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The function returned `None`.
    Nothing,
    Panicked,
    /// The call takes too long, and still runs.
    #[cfg(feature = "exposition")]
    Late,
    /// An earlier call that took too long still runs.
    #[cfg(feature = "exposition")]
    Runs,
}

/// A callback with a value of any type.
#[cfg_attr(not(feature = "exposition"), expect(dead_code, reason = "plain calls"))]
pub(crate) trait Call: Send + Sync {
    /// Makes the call on this thread and keeps its value.
    fn run(&self) -> Result<(), Failure>;

    fn status(&self) -> &Status;
}

/// Makes calls elsewhere than on the gathering thread.
pub(crate) trait Caller {
    /// Makes one call. On success the callback keeps its value.
    fn call(&self, callback: Arc<dyn Call>) -> Result<(), Failure>;
}

thread_local! {
    static CALLER: RefCell<Option<Arc<dyn Caller>>> = const { RefCell::new(None) };
}

/// While it lives, its `caller` makes the calls of gathers on this thread.
#[cfg(feature = "exposition")]
pub(crate) struct CalledBy(std::marker::PhantomData<*const ()>);

#[cfg(feature = "exposition")]
impl CalledBy {
    pub(crate) fn new(caller: Arc<dyn Caller>) -> CalledBy {
        CALLER.set(Some(caller));
        CalledBy(std::marker::PhantomData)
    }
}

#[cfg(feature = "exposition")]
impl Drop for CalledBy {
    fn drop(&mut self) {
        CALLER.take();
    }
}

impl<T: Send + 'static> Callback<T> {
    /// Returns the callback of `function`, which returns `None` if it fails. `what` names it in
    /// log lines.
    pub fn new(
        what: impl Into<String>,
        function: impl Fn() -> Option<T> + Send + Sync + 'static,
    ) -> Arc<Callback<T>> {
        let status = Status {
            what: what.into(),
            running_in: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        };
        Arc::new(Callback { function: Box::new(function), value: Mutex::new(None), status })
    }

    /// Calls the function. Returns its value, or `None` if it fails.
    pub fn call(self: &Arc<Callback<T>>) -> Option<T> {
        // Taken, so that it makes one call at a time: the function may gather as well.
        let value = match CALLER.take() {
            Some(caller) => {
                let made = caller.call(Arc::clone(self) as Arc<dyn Call>);
                CALLER.set(Some(caller));
                made.and_then(|()| self.value.lock().take().ok_or(Failure::Nothing))
            }
            None => self.plain(),
        };
        if value.is_err() {
            events::CALLBACK_FAILURES.fetch_add(1, Ordering::Relaxed);
        }
        value.ok()
    }

    fn plain(&self) -> Result<T, Failure> {
        match catch_unwind(AssertUnwindSafe(|| (self.function)())) {
            Ok(value) => value.ok_or(Failure::Nothing),
            Err(_) => Err(Failure::Panicked),
        }
    }
}

impl<T: Send + 'static> Call for Callback<T> {
    fn run(&self) -> Result<(), Failure> {
        let value = self.plain()?;
        *self.value.lock() = Some(value);
        Ok(())
    }

    fn status(&self) -> &Status {
        &self.status
    }
}

#[cfg(feature = "exposition")]
impl Status {
    /// Notes a failure. Returns whether it is the first since a call succeeded.
    pub(crate) fn fails_first(&self) -> bool {
        !self.failing.swap(true, Ordering::Relaxed)
    }

    /// Notes a success.
    pub(crate) fn succeeds(&self) {
        self.failing.store(false, Ordering::Relaxed);
    }

    /// Marks a call as running on another thread. Returns `false` if one runs already.
    pub(crate) fn begin(&self) -> bool {
        let here = u64::from(std::process::id());
        self.running_in.swap(here, Ordering::Relaxed) != here
    }

    /// Marks the end of the call.
    pub(crate) fn end(&self) {
        self.running_in.store(0, Ordering::Relaxed);
    }
}

impl<T> fmt::Debug for Callback<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("what", &self.status.what).finish_non_exhaustive()
    }
}
