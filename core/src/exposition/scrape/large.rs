//! Large replies. A thread of the pool makes them one by one, while the endpoint's thread serves
//! other requests.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::exposition::scrape::connections::Connections;
use crate::exposition::scrape::reply::Reply;
use crate::exposition::scrape::scrapes::Reading;
use crate::exposition::thread::gatherer::Gatherer;

/// How long the endpoint waits for a thread of the pool. After that, the endpoint's thread makes
/// the reply.
const START_LIMIT: Duration = Duration::from_millis(200);

/// The replies that wait to be made.
#[derive(Default)]
pub(crate) struct LargeReplies {
    waiting: VecDeque<Reading>,
    at_work: Option<AtWork>,
}

/// A reply that is being made.
struct AtWork {
    desk: Arc<Desk>,
    /// When to check whether a thread has begun; `None` after it has.
    look: Option<Instant>,
}

/// Passes a reply to another thread and back.
///
/// The lock is one of `std`, which may be locked in a forked child, so the child never uses it.
struct Desk(Mutex<Stage>);

enum Stage {
    Given(Box<Reply>),
    Taken,
    Made(Box<Reply>),
    /// After a panic, the connections are closed.
    Lost,
}

impl Desk {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the content, if `is_wanted` accepts it.
    fn take(&self, is_wanted: impl FnOnce(&Stage) -> bool) -> Option<Stage> {
        let mut stage = self.stage();
        is_wanted(&stage).then(|| std::mem::replace(&mut *stage, Stage::Taken))
    }

    /// Makes the reply on this thread, unless another thread has begun to.
    fn work(&self) {
        let given = self.take(|stage| matches!(stage, Stage::Given(_)));
        let Some(Stage::Given(mut reply)) = given else { return };
        let result = catch_unwind(AssertUnwindSafe(|| {
            reply.make();
            reply
        }));
        *self.stage() = result.map_or(Stage::Lost, Stage::Made);
    }
}

impl LargeReplies {
    /// Adds scrapes whose reply is large. Scrapes of the same metrics share one reading if they are
    /// waiting at the same time.
    pub(crate) fn add(&mut self, reading: Reading) {
        match self.waiting.iter_mut().find(|other| other.may_join(&reading)) {
            Some(other) => other.join(reading),
            None => self.waiting.push_back(reading),
        }
    }

    /// Returns whether replies wait to be made.
    pub(crate) fn is_busy(&self) -> bool {
        self.at_work.is_some() || !self.waiting.is_empty()
    }

    /// Returns when to check whether the thread has begun.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.at_work.as_ref().and_then(|at_work| at_work.look)
    }

    /// Begins the next reply, if no other is being made. Returns a finished reply.
    pub(crate) fn tend(
        &mut self,
        gatherer: &Gatherer,
        connections: &mut Connections,
    ) -> Option<Box<Reply>> {
        let made = self.made();
        while self.at_work.is_none() {
            let Some(reading) = self.waiting.pop_front() else { break };
            let Some(reply) = Reply::new(reading, connections) else { continue };
            let desk = Arc::new(Desk(Mutex::new(Stage::Given(Box::new(reply)))));
            let look = Some(Instant::now() + START_LIMIT);
            self.at_work = Some(AtWork { desk: Arc::clone(&desk), look });
            gatherer.run(move || desk.work());
        }
        made
    }

    fn made(&mut self) -> Option<Box<Reply>> {
        let at_work = self.at_work.as_mut()?;
        if at_work.look.is_some_and(|look| look <= Instant::now()) {
            at_work.look = None;
            at_work.desk.work();
        }
        let is_over = |stage: &Stage| matches!(stage, Stage::Made(_) | Stage::Lost);
        let stage = at_work.desk.take(is_over)?;
        self.at_work = None;
        if let Stage::Made(reply) = stage { Some(reply) } else { None }
    }

    /// Drops all replies, which closes their connections.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        self.at_work = None;
    }
}
