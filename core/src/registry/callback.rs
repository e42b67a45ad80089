//! Functions of the application that a gather calls: when they run, and how they fail.
//!
//! A plain gather calls them on its thread. An exporter asks for them first, has them run on other
//! threads (`exposition/thread/pool.rs`), and reads the registry when they have returned.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostics::events;
use crate::registry::call::{Asked, Call, Door, Ran};
use crate::registry::refreshed::Refreshed;
use crate::registry::results;
use crate::registry::running;
use crate::sync::locks::Mutex;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// A function of the application that a [`Collector`](crate::Collector) calls to collect. It may
/// take long, panic, or return nothing. Scrapes and pushes run it on other threads and wait for it
/// until their deadline; anything else is a plain call. A failure is counted
/// (`dataclay_metrics_callback_failures_total`), and only the result of the function is missing.
///
/// ```
/// use dataclay_metrics_core::Callback;
///
/// let load = Callback::new("the load", || Some(0.5));
/// assert_eq!(load.call(), Some(0.5));
/// ```
pub struct Callback<T> {
    /// The name of the function in log lines.
    what: String,
    function: Box<dyn Fn() -> Option<T> + Send + Sync>,
    door: Option<Door>,
    /// Only the functions of gauges have it.
    refreshed: Option<Refreshed>,
    state: Mutex<State<T>>,
    /// Whether the last call failed.
    failing: AtomicBool,
}

/// The calls of a function on other threads. All points in time are tickets.
struct State<T> {
    stage: Stage,
    /// The process in which `stage` holds: a forked child has none of the threads.
    process: u32,
    /// The result of the last call that ended.
    result: Option<Result<T, NoValue>>,
    began: u64,
    ended: u64,
}

#[derive(Clone, Copy)]
enum Stage {
    Idle,
    /// A thread will make the call. It may wait for the door.
    Queued,
    Running {
        began: u64,
        /// A gather began after the call did, and wants another call.
        again: bool,
        /// The time at which a gather stopped waiting for it, and the time that it had waited.
        late: Option<(u64, Duration)>,
    },
}

/// The reason why a call returned no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoValue {
    /// The function returned nothing, and has reported it.
    Nothing,
    Panicked,
    /// It still runs.
    Runs,
    /// It waits for a thread or for the interpreter, which is not its failure.
    Waits,
}

/// Returns a point in time: later ones are greater, and none is 0.
pub(crate) fn ticket() -> u64 {
    static TICKETS: AtomicU64 = AtomicU64::new(0);
    TICKETS.fetch_add(1, Ordering::SeqCst) + 1
}

impl<T: Clone + Send + 'static> Callback<T> {
    /// Makes a callback that log lines call `what`. `None` from the function is a failure.
    pub fn new(
        what: impl Into<String>,
        function: impl Fn() -> Option<T> + Send + Sync + 'static,
    ) -> Arc<Callback<T>> {
        Callback::make(what.into(), None, None, Box::new(function))
    }

    /// Makes a callback whose function runs behind a door. One thread that has passed the door
    /// makes all calls that wait for it.
    #[doc(hidden)]
    pub fn behind(
        door: Door,
        what: impl Into<String>,
        function: impl Fn() -> Option<T> + Send + Sync + 'static,
    ) -> Arc<Callback<T>> {
        Callback::make(what.into(), Some(door), None, Box::new(function))
    }

    /// Makes a callback of a gauge, which other processes see.
    pub(crate) fn refreshed(
        door: Option<Door>,
        what: String,
        function: impl Fn() -> Option<T> + Send + Sync + 'static,
    ) -> Arc<Callback<T>> {
        Callback::make(what, door, Some(Refreshed::new()), Box::new(function))
    }

    fn make(
        what: String,
        door: Option<Door>,
        refreshed: Option<Refreshed>,
        function: Box<dyn Fn() -> Option<T> + Send + Sync>,
    ) -> Arc<Callback<T>> {
        let state = State { stage: Stage::Idle, process: 0, result: None, began: 0, ended: 0 };
        let failing = AtomicBool::new(false);
        Arc::new(Callback { what, function, door, refreshed, state: Mutex::new(state), failing })
    }

    /// Returns what the function returns, or `None` if it fails.
    pub fn call(self: &Arc<Callback<T>>) -> Option<T> {
        let value = match results::since() {
            None => self.plain(),
            Some(since) => self.kept(since),
        };
        if matches!(value, Err(reason) if reason != NoValue::Waits) {
            events::CALLBACK_FAILURES.add();
        }
        value.ok()
    }

    /// Calls the function, unless it is reading itself, such as by encoding its own registry.
    fn plain(&self) -> Result<T, NoValue> {
        let Some(_running) = running::enter(self) else { return Err(NoValue::Nothing) };
        match catch_unwind(AssertUnwindSafe(|| (self.function)())) {
            Ok(value) => value.ok_or(NoValue::Nothing),
            Err(_) => Err(NoValue::Panicked),
        }
    }

    /// Returns the result of the last call, if that ended after `since`.
    fn kept(&self, since: u64) -> Result<T, NoValue> {
        let state = self.state.lock();
        match (&state.result, state.stage()) {
            (Some(result), _) if state.ended > since => result.clone(),
            (_, Stage::Running { .. }) => Err(NoValue::Runs),
            (_, Stage::Queued) => Err(NoValue::Waits),
            (_, Stage::Idle) => {
                results::miss();
                Err(NoValue::Waits)
            }
        }
    }
}

impl<T> State<T> {
    fn stage(&self) -> Stage {
        if self.process == std::process::id() { self.stage } else { Stage::Idle }
    }

    fn set_stage(&mut self, stage: Stage) {
        self.stage = stage;
        self.process = std::process::id();
    }
}

impl<T: Clone + Send + 'static> Call for Callback<T> {
    fn ask(&self, since: u64, limit: Duration) -> Asked {
        let mut state = self.state.lock();
        match state.stage() {
            // Whatever runs now is for a gather that began later.
            _ if state.began > since => Asked::Settled,
            Stage::Idle => {
                state.set_stage(Stage::Queued);
                Asked::Queue
            }
            Stage::Queued => Asked::Pending,
            Stage::Running { late: Some((late, waited)), .. }
                if late <= since && limit <= waited =>
            {
                Asked::Settled
            }
            Stage::Running { began, .. } if began > since => Asked::Pending,
            Stage::Running { began, late, .. } => {
                state.set_stage(Stage::Running { began, again: true, late });
                Asked::Pending
            }
        }
    }

    fn run(&self) -> Ran<'_> {
        let began = ticket();
        self.state.lock().set_stage(Stage::Running { began, again: false, late: None });
        let result = self.plain();
        let failed_before = self.failing.swap(result.is_err(), Ordering::Relaxed);
        let panics_first = !failed_before && matches!(result, Err(NoValue::Panicked));
        let mut state = self.state.lock();
        let again = matches!(state.stage(), Stage::Running { again: true, .. });
        state.set_stage(if again { Stage::Queued } else { Stage::Idle });
        (state.began, state.ended) = (began, ticket());
        let before = state.result.replace(result);
        drop(state);
        // Dropping may run code of the application: not under the lock.
        drop(before);
        Ran { again, panicked: panics_first.then_some(&self.what) }
    }

    fn refuse(&self) {
        let mut state = self.state.lock();
        state.set_stage(Stage::Idle);
        let now = ticket();
        (state.began, state.ended) = (now, now);
        let before = state.result.replace(Err(NoValue::Nothing));
        drop(state);
        drop(before);
    }

    fn give_up(&self, since: u64, limit: Duration) -> Option<&str> {
        let mut state = self.state.lock();
        let Stage::Running { began, again, late } = state.stage() else { return None };
        // A value from a call that began a little before is better than none.
        if state.ended > since {
            return None;
        }
        let waited = late.map_or(limit, |(_, waited)| waited.max(limit));
        state.set_stage(Stage::Running { began, again, late: Some((ticket(), waited)) });
        (!self.failing.swap(true, Ordering::Relaxed)).then_some(&self.what)
    }

    fn forget(&self, before: u64) {
        let mut state = self.state.lock();
        let old = if state.ended <= before {
            (state.began, state.ended) = (0, 0);
            state.result.take()
        } else {
            None
        };
        drop(state);
        drop(old);
    }

    fn door(&self) -> Option<Door> {
        self.door
    }

    fn must_refresh(&self, second: u64) -> bool {
        self.refreshed.as_ref().is_some_and(|refreshed| refreshed.is_due(second))
    }
}

impl<T> fmt::Debug for Callback<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("what", &self.what).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);

    #[test]
    fn a_gather_does_not_wait_for_the_call_of_a_later_gather() {
        static CALLBACK: OnceLock<Arc<Callback<u64>>> = OnceLock::new();
        // A later gather asks for a call while this call runs.
        let function = || {
            let later = ticket();
            assert_eq!(CALLBACK.get()?.ask(later, LIMIT), Asked::Pending);
            Some(later)
        };
        let callback = CALLBACK.get_or_init(|| Callback::new("the function", function));
        let first = ticket();
        assert_eq!(callback.ask(first, LIMIT), Asked::Queue);
        assert!(callback.run().again);
        let later = callback.kept(first).expect("the function has returned");
        assert_eq!(callback.ask(first, LIMIT), Asked::Settled);
        assert_eq!(callback.ask(later, LIMIT), Asked::Pending);
        assert!(callback.run().again);
        assert_eq!(callback.ask(later, LIMIT), Asked::Settled);
    }
}
