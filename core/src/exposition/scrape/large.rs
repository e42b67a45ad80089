//! Large batches of scrapes. A thread of the pool responds to one after the other, while the
//! endpoint's thread serves other requests.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::exposition::scrape::connections::Connections;
use crate::exposition::scrape::responder::Responder;
use crate::exposition::scrape::scrapes::Batch;
use crate::exposition::thread::gatherer::Gatherer;
use crate::exposition::thread::queue::Work;

/// The time that the endpoint waits for a thread of the pool. After that, the endpoint's thread
/// responds.
const START_LIMIT: Duration = Duration::from_millis(200);

/// The large batches that wait for a thread, and the one that a thread responds to.
#[derive(Default)]
pub(crate) struct LargeBatches {
    waiting: VecDeque<Batch>,
    running: Option<Running>,
}

/// A batch that a thread responds to, or will at once.
struct Running {
    handoff: Arc<Handoff>,
    /// The time at which to check whether a thread has begun; `None` after it has.
    look: Option<Instant>,
}

/// Hands a responder to another thread and back.
///
/// The lock is one of `std`, which may be locked in a forked child, so the child never uses it.
struct Handoff(Mutex<Stage>);

enum Stage {
    Queued(Box<Responder>),
    Running,
    Done(Box<Responder>),
    /// After a panic, the connections are closed.
    Panicked,
}

impl Handoff {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the content, if `is_wanted` accepts it.
    fn take(&self, is_wanted: impl FnOnce(&Stage) -> bool) -> Option<Stage> {
        let mut stage = self.stage();
        is_wanted(&stage).then(|| std::mem::replace(&mut *stage, Stage::Running))
    }
}

impl Work for Handoff {
    /// Responds on this thread, unless another thread has begun to.
    fn run(&self) {
        let queued = self.take(|stage| matches!(stage, Stage::Queued(_)));
        let Some(Stage::Queued(mut responder)) = queued else { return };
        let result = catch_unwind(AssertUnwindSafe(|| {
            responder.respond();
            responder
        }));
        *self.stage() = result.map_or(Stage::Panicked, Stage::Done);
    }
}

impl LargeBatches {
    /// Adds a large batch. Batches of the same metrics that wait at the same time become one.
    pub(crate) fn add(&mut self, batch: Batch) {
        match self.waiting.iter_mut().find(|other| other.may_join(&batch)) {
            Some(other) => other.join(batch),
            None => self.waiting.push_back(batch),
        }
    }

    /// Returns whether a batch has no responses yet.
    pub(crate) fn is_busy(&self) -> bool {
        self.running.is_some() || !self.waiting.is_empty()
    }

    /// Returns when to check whether the thread has begun.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.running.as_ref().and_then(|running| running.look)
    }

    /// Begins with the next batch, if there is no other. Returns a responder that is done.
    pub(crate) fn tend(
        &mut self,
        gatherer: &Gatherer,
        connections: &mut Connections,
    ) -> Option<Box<Responder>> {
        let done = self.done();
        while self.running.is_none() {
            let Some(batch) = self.waiting.pop_front() else { break };
            let Some(responder) = Responder::new(batch, connections) else { continue };
            let handoff = Arc::new(Handoff(Mutex::new(Stage::Queued(Box::new(responder)))));
            let look = Some(Instant::now() + START_LIMIT);
            self.running = Some(Running { handoff: Arc::clone(&handoff), look });
            gatherer.run(handoff);
        }
        done
    }

    fn done(&mut self) -> Option<Box<Responder>> {
        let running = self.running.as_mut()?;
        if running.look.is_some_and(|look| look <= Instant::now()) {
            running.look = None;
            running.handoff.run();
        }
        let is_over = |stage: &Stage| matches!(stage, Stage::Done(_) | Stage::Panicked);
        let stage = running.handoff.take(is_over)?;
        self.running = None;
        if let Stage::Done(responder) = stage { Some(responder) } else { None }
    }

    /// Drops all batches, which closes the connections of the one that has begun.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.running = None;
    }
}
