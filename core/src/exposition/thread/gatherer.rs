//! A gather for a scrape or a push: no function of the application can hold it up for long.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::exposition::logging;
use crate::exposition::thread::worker::{Command, Control, Outcome, Run, Worker};
use crate::metrics::callback::{Call, CalledBy, Caller, Failure, Status};
use crate::registry::Registry;

/// The most time that one function may take. A Python function waits for the interpreter first,
/// 5 ms (the default switch interval) for each busy thread.
const CALL_LIMIT: Duration = Duration::from_millis(500);
/// The most time that all functions of one gather may take.
pub(crate) const GATHER_LIMIT: Duration = Duration::from_secs(2);

/// A registry, and the thread that calls the functions of its gauges and collectors.
///
/// One thread calls all functions; the first call starts it. A call that takes too long keeps its
/// thread for itself, and its function is not called again before it returns. So there is one such
/// thread for each function that hangs, and no more.
pub(crate) struct Gatherer {
    registry: Registry,
    /// Shared with the thread that gathers, for the time of a gather.
    calls: Arc<Calls>,
}

impl Gatherer {
    pub(crate) fn new(registry: Registry) -> Gatherer {
        Gatherer { registry, calls: Arc::default() }
    }

    /// Begins a gather on this thread. It takes little more than two seconds, unless a collector
    /// that makes no [`Callback`](crate::Callback) takes longer.
    pub(crate) fn begin(&self) -> Gather<'_> {
        let mut threads = self.calls.threads();
        threads.forget_ended(Duration::ZERO);
        threads.give_up = Some(Instant::now() + GATHER_LIMIT);
        drop(threads);
        let caller = Arc::clone(&self.calls) as Arc<dyn Caller>;
        Gather { registry: &self.registry, _called_by: CalledBy::new(caller) }
    }

    /// Forgets the threads of late calls in a forked child, where they do not exist. Dropping their
    /// handles would detach them.
    pub(crate) fn abandon(&self) {
        std::mem::take(&mut self.calls.threads().late).into_iter().for_each(std::mem::forget);
    }

    /// Ends the threads; the next gather starts one anew. Waits for `patience` at most for late
    /// calls: those that still run then keep their threads.
    pub(crate) fn rest(&self, patience: Duration) {
        let mut threads = self.calls.threads();
        if let Some(Thread { calls, mut worker, .. }) = threads.idle.take() {
            worker.command(Command::Pause);
            drop(calls);
            // It waits for calls only.
            worker.wait(CALL_LIMIT);
        }
        threads.forget_ended(patience);
    }
}

/// A gather. While it lives, what reads the registry on this thread has its functions called under
/// the deadline.
pub(crate) struct Gather<'a> {
    registry: &'a Registry,
    _called_by: CalledBy,
}

impl Gather<'_> {
    pub(crate) fn registry(&self) -> &Registry {
        self.registry
    }
}

/// Makes calls on threads that can be left to a call which does not return.
///
/// The lock is one of `std`: only the exporter's thread takes it, and that has ended before a fork.
#[derive(Default)]
struct Calls(Mutex<Threads>);

#[derive(Default)]
struct Threads {
    /// The thread that will make the next call.
    idle: Option<Thread>,
    /// Those whose calls took too long.
    late: Vec<Worker<Calling>>,
    /// When the functions of this gather have had their time.
    give_up: Option<Instant>,
}

/// A thread that makes calls, and the ways to it and back.
struct Thread {
    calls: Sender<Arc<dyn Call>>,
    results: Receiver<Result<(), Failure>>,
    worker: Worker<Calling>,
}

impl Calls {
    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Caller for Calls {
    fn call(&self, callback: Arc<dyn Call>) -> Result<(), Failure> {
        let called = self.threads().call(&callback);
        if let Err(failure) = called {
            log_failure(callback.status(), failure);
        } else {
            callback.status().succeeds();
        }
        called
    }
}

impl Threads {
    /// Makes a call within its time. A call that takes longer is left to its thread.
    fn call(&mut self, callback: &Arc<dyn Call>) -> Result<(), Failure> {
        let now = Instant::now();
        let left = self.give_up.map_or(CALL_LIMIT, |end| end.saturating_duration_since(now));
        if !callback.status().begin() {
            return Err(Failure::Runs);
        }
        if self.idle.is_none() {
            self.idle = Calling::start();
        }
        let sent =
            self.idle.as_ref().filter(|thread| thread.calls.send(Arc::clone(callback)).is_ok());
        let Some(thread) = sent else {
            // The system has no thread for it.
            callback.status().end();
            return Err(Failure::Late);
        };
        thread.results.recv_timeout(CALL_LIMIT.min(left)).unwrap_or_else(|_| {
            self.leave();
            Err(Failure::Late)
        })
    }

    /// Forgets the threads of late calls that have returned, for which it waits that long.
    fn forget_ended(&mut self, patience: Duration) {
        let give_up = Instant::now() + patience;
        self.late.retain_mut(|worker| {
            let left = give_up.saturating_duration_since(Instant::now());
            matches!(worker.wait(left), Outcome::TimedOut)
        });
    }

    /// Leaves the thread to its call. It ends by itself when the call returns.
    fn leave(&mut self) {
        if let Some(Thread { worker, .. }) = self.idle.take() {
            worker.command(Command::Pause);
            self.late.push(worker);
        }
    }
}

/// Logs the first of consecutive failures.
///
/// `Nothing` is not logged: the function has reported it. `Runs` is not logged: the call was logged
/// when it was late.
fn log_failure(status: &Status, failure: Failure) {
    if !status.fails_first() {
        return;
    }
    let what = &status.what;
    match failure {
        Failure::Nothing | Failure::Runs => {}
        Failure::Panicked => logging::warn(format_args!("{what} panicked")),
        Failure::Late => logging::warn(format_args!(
            "{what} takes longer than {CALL_LIMIT:?}: left out until it returns"
        )),
    }
}

/// The work of the thread: calls, one after the other.
struct Calling {
    calls: Receiver<Arc<dyn Call>>,
    results: Sender<Result<(), Failure>>,
}

impl Calling {
    /// Starts a thread; `None` if the system refuses one.
    fn start() -> Option<Thread> {
        let (calls, to_call) = mpsc::channel();
        let (called, results) = mpsc::channel();
        let task = Calling { calls: to_call, results: called };
        Worker::spawn("dcm-callback", task).ok().map(|worker| Thread { calls, results, worker })
    }
}

impl Run for Calling {
    fn run(&mut self, control: &Control) {
        while let Ok(callback) = self.calls.recv() {
            let called = callback.run();
            callback.status().end();
            if self.results.send(called).is_err() {
                break;
            }
        }
        control.leave();
    }
}
