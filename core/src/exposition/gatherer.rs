//! A gather for a scrape or a push: no function of a gauge can hold it up for long.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use crate::callback::{self, Callback, Failure};
use crate::exposition::LOG_TARGET;
use crate::exposition::worker::{Control, Run, Wish, Worker};
use crate::registry::Registry;
use crate::snapshot::MetricFamily;

/// What one function may take. A Python function waits for the interpreter first, 5 ms for each
/// busy thread.
const CALL_LIMIT: Duration = Duration::from_millis(500);
/// What all functions of one gather may take.
pub(crate) const GATHER_LIMIT: Duration = Duration::from_secs(2);

/// A registry, and the thread that calls the functions of its gauges: one for all of them, started
/// when the first is to be called. A call that takes too long keeps its thread for itself, and its
/// function is not called again before it returns; so there is one such thread for each function
/// that hangs, and no more.
#[derive(Debug)]
pub(crate) struct Gatherer {
    registry: Registry,
    thread: Option<Thread>,
}

#[derive(Debug)]
struct Thread {
    calls: Sender<Arc<Callback>>,
    results: Receiver<Result<f64, Failure>>,
    worker: Worker<Calls>,
}

impl Gatherer {
    pub(crate) fn new(registry: Registry) -> Gatherer {
        Gatherer { registry, thread: None }
    }

    /// As [`Registry::gather`], in little more than two seconds at the most, unless a collector
    /// that is not of this crate takes longer.
    pub(crate) fn gather(&mut self) -> Vec<MetricFamily> {
        let give_up = Instant::now() + GATHER_LIMIT;
        let thread = Rc::new(RefCell::new(self.thread.take()));
        let of_caller = Rc::clone(&thread);
        let caller = move |callback: &Arc<Callback>| {
            let limit = CALL_LIMIT.min(give_up.saturating_duration_since(Instant::now()));
            let value = call(&mut of_caller.borrow_mut(), callback, limit);
            tell(callback, value);
            value
        };
        let families = callback::called_by(Box::new(caller), || self.registry.gather());
        self.thread = thread.take();
        families
    }

    /// Ends the thread; the next gather starts it anew.
    pub(crate) fn rest(&mut self) {
        if let Some(Thread { calls, mut worker, .. }) = self.thread.take() {
            worker.ask(Wish::Pause);
            drop(calls);
            // It waits for calls only: one that is too long has left with its thread.
            worker.wait(CALL_LIMIT);
        }
    }
}

fn call(
    thread: &mut Option<Thread>,
    callback: &Arc<Callback>,
    limit: Duration,
) -> Result<f64, Failure> {
    if !callback.begin() {
        return Err(Failure::Runs);
    }
    if thread.is_none() {
        *thread = Calls::start();
    }
    let asked = thread.as_ref().filter(|thread| thread.calls.send(Arc::clone(callback)).is_ok());
    let Some(asked) = asked else {
        // The system has no thread for it.
        callback.end();
        return Err(Failure::Late);
    };
    asked.results.recv_timeout(limit).unwrap_or_else(|_| {
        // The thread ends by itself when the call returns.
        *thread = None;
        Err(Failure::Late)
    })
}

/// Logs the first failure of a row. A function that gives nothing has said why, if it wanted to.
fn tell(callback: &Callback, value: Result<f64, Failure>) {
    if !callback.begins_to_fail(value.is_err()) {
        return;
    }
    let name = &callback.name;
    match value {
        Ok(_) | Err(Failure::Nothing | Failure::Runs) => {}
        Err(Failure::Panicked) => {
            log::warn!(target: LOG_TARGET, "the function of gauge {name} panicked");
        }
        Err(Failure::Late) => log::warn!(
            target: LOG_TARGET,
            "the function of gauge {name} takes longer than {CALL_LIMIT:?}: left out until it returns"
        ),
    }
}

/// What the thread runs.
#[derive(Debug)]
struct Calls {
    calls: Receiver<Arc<Callback>>,
    results: Sender<Result<f64, Failure>>,
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
            let value = callback.call();
            callback.end();
            if self.results.send(value).is_err() {
                break;
            }
        }
        control.leave();
    }
}
