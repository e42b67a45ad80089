//! A gather for a scrape or a push: no function of a gauge can hold it up for long.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use crate::exposition::LOG_TARGET;
use crate::exposition::thread::worker::{Control, Run, Waited, Wish, Worker};
use crate::metrics::callback::{self, Call, Failure, Status};
use crate::registry::Registry;

/// What one function may take. A Python function waits for the interpreter first, 5 ms for each
/// busy thread.
const CALL_LIMIT: Duration = Duration::from_millis(500);
/// What all functions of one gather may take.
pub(crate) const GATHER_LIMIT: Duration = Duration::from_secs(2);

/// A registry, and the thread that calls the functions of its gauges: one for all of them, started
/// when the first is to be called. A call that takes too long keeps its thread for itself, and its
/// function is not called again before it returns; so there is one such thread for each function
/// that hangs, and no more.
pub(crate) struct Gatherer {
    registry: Registry,
    threads: Threads,
}

#[derive(Default)]
struct Threads {
    /// That of the next call.
    free: Option<Thread>,
    /// Those whose calls took too long.
    late: Vec<Worker<Calls>>,
}

struct Thread {
    calls: Sender<Arc<dyn Call>>,
    results: Receiver<Result<(), Failure>>,
    worker: Worker<Calls>,
}

impl Gatherer {
    pub(crate) fn new(registry: Registry) -> Gatherer {
        Gatherer { registry, threads: Threads::default() }
    }

    /// What `read` makes of the registry, in little more than two seconds at the most, unless a
    /// collector that is not of this crate takes longer.
    pub(crate) fn read<R>(&mut self, read: impl FnOnce(&Registry) -> R) -> R {
        let give_up = Instant::now() + GATHER_LIMIT;
        self.threads.forget_ended(Duration::ZERO);
        let threads = Rc::new(RefCell::new(std::mem::take(&mut self.threads)));
        let of_caller = Rc::clone(&threads);
        let caller = move |callback: Arc<dyn Call>| {
            let limit = CALL_LIMIT.min(give_up.saturating_duration_since(Instant::now()));
            let called = call(&mut of_caller.borrow_mut(), &callback, limit);
            tell(callback.status(), called);
            called
        };
        let made = callback::called_by(Box::new(caller), || read(&self.registry));
        self.threads = threads.take();
        made
    }

    /// In a forked child: the threads of late calls do not exist, and dropping their handles would
    /// detach them.
    pub(crate) fn abandon(&mut self) {
        std::mem::take(&mut self.threads.late).into_iter().for_each(std::mem::forget);
    }

    /// Ends the threads; the next gather starts one anew. Waits for `patience` at the most for
    /// calls that were too long: those that still run then keep their threads.
    pub(crate) fn rest(&mut self, patience: Duration) {
        if let Some(Thread { calls, mut worker, .. }) = self.threads.free.take() {
            worker.ask(Wish::Pause);
            drop(calls);
            // It waits for calls only.
            worker.wait(CALL_LIMIT);
        }
        self.threads.forget_ended(patience);
    }
}

impl Threads {
    fn forget_ended(&mut self, patience: Duration) {
        let give_up = Instant::now() + patience;
        self.late.retain_mut(|worker| {
            let left = give_up.saturating_duration_since(Instant::now());
            matches!(worker.wait(left), Waited::Runs)
        });
    }

    /// Gives up the thread, which ends by itself when its call returns.
    fn leave(&mut self) {
        if let Some(Thread { worker, .. }) = self.free.take() {
            worker.ask(Wish::Pause);
            self.late.push(worker);
        }
    }
}

fn call(threads: &mut Threads, callback: &Arc<dyn Call>, limit: Duration) -> Result<(), Failure> {
    if !callback.status().begin() {
        return Err(Failure::Runs);
    }
    if threads.free.is_none() {
        threads.free = Calls::start();
    }
    let asked =
        threads.free.as_ref().filter(|thread| thread.calls.send(Arc::clone(callback)).is_ok());
    let Some(asked) = asked else {
        // The system has no thread for it.
        callback.status().end();
        return Err(Failure::Late);
    };
    asked.results.recv_timeout(limit).unwrap_or_else(|_| {
        threads.leave();
        Err(Failure::Late)
    })
}

/// Logs the first failure of a row. A function that gives nothing has said why, if it wanted to.
fn tell(status: &Status, called: Result<(), Failure>) {
    if !status.begins_to_fail(called.is_err()) {
        return;
    }
    let what = &status.what;
    match called {
        Ok(()) | Err(Failure::Nothing | Failure::Runs) => {}
        Err(Failure::Panicked) => {
            log::warn!(target: LOG_TARGET, "{what} panicked");
        }
        Err(Failure::Late) => log::warn!(
            target: LOG_TARGET,
            "{what} takes longer than {CALL_LIMIT:?}: left out until it returns"
        ),
    }
}

/// What the thread runs.
struct Calls {
    calls: Receiver<Arc<dyn Call>>,
    results: Sender<Result<(), Failure>>,
}

impl Calls {
    fn start() -> Option<Thread> {
        let (calls, to_call) = mpsc::channel();
        let (of_calls, results) = mpsc::channel();
        let task = Calls { calls: to_call, results: of_calls };
        Worker::spawn("dcm-callback", task).ok().map(|worker| Thread { calls, results, worker })
    }
}

impl Run for Calls {
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
