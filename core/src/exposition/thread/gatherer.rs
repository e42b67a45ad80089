//! A gather for a scrape or a push. It requests calls of the functions of the application, waits
//! for them until a deadline, and reads the registry.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use crate::diagnostics::notes;
use crate::exposition::siblings;
use crate::exposition::thread::logging;
use crate::exposition::thread::pool::{self, Pool};
use crate::exposition::thread::queue::Work;
use crate::exposition::thread::service::Interrupt;
use crate::fork::exporters;
use crate::model::desc::Desc;
use crate::registry::Registry;
use crate::registry::call::{Asked, Call};
use crate::registry::callback;
use crate::registry::refreshed;
use crate::registry::results::ResultsOnly;
use crate::sync::{AtomicBool, AtomicUsize, Ordering};

/// The time after which other processes get new values of gauge functions. Prometheus rarely
/// scrapes more often.
const REFRESH: Duration = Duration::from_secs(1);
/// All exporters of the process count its seconds from here, so that together they call each
/// function once per second.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Returns the second of the process at this time, counted from 1.
fn second(now: Instant) -> u64 {
    1 + now.duration_since(*BEGIN).as_secs()
}

/// A registry, and the listener that is woken when functions have returned.
pub(crate) struct Gatherer {
    registry: Registry,
    pool: Arc<Pool>,
    /// Weak in the pool.
    #[expect(dead_code, reason = "held")]
    listener: Arc<dyn Interrupt>,
    /// The last second in which it called the gauge functions for other processes; at first, the
    /// second in which it began.
    refreshed: u64,
    has_left: AtomicBool,
}

/// The number of gathers that have begun and not ended.
static GATHERS: AtomicUsize = AtomicUsize::new(0);

impl Gatherer {
    /// Makes a gatherer. `listener` is woken on any thread, after each call that has ended.
    pub(crate) fn new(registry: Registry, listener: Arc<dyn Interrupt>) -> Gatherer {
        let pool = pool::pool();
        pool.join(Arc::downgrade(&listener));
        let refreshed = second(Instant::now());
        Gatherer { registry, pool, listener, refreshed, has_left: AtomicBool::new(false) }
    }

    /// Begins a gather of the metrics with these names, or of all: requests calls of the functions.
    /// The gather will wait for `limit`.
    pub(crate) fn begin(&self, names: &[String], limit: Duration) -> Gather {
        exporters::retry();
        notes::deliver();
        GATHERS.fetch_add(1, Ordering::SeqCst);
        let mut gather = Gather {
            registry: self.registry.clone(),
            pool: Arc::clone(&self.pool),
            names: names.to_vec(),
            limit,
            since: callback::ticket(),
            all: Vec::new(),
            pending: Vec::new(),
            is_partial: false,
        };
        gather.ask();
        gather
    }

    /// Returns when [`Gatherer::refresh`] is due. It is never due without gauge functions or
    /// without a segment.
    pub(crate) fn next_refresh(&self) -> Option<Instant> {
        let next = *BEGIN + REFRESH * u32::try_from(self.refreshed).unwrap_or(u32::MAX);
        (refreshed::exist() && siblings::may_exist()).then_some(next)
    }

    /// Requests calls of the gauge functions, if that is due. Does not wait for them, because each
    /// sets its gauge in the segment when it returns.
    pub(crate) fn refresh(&mut self) {
        let now = Instant::now();
        if self.next_refresh().is_none_or(|due| due > now) {
            return;
        }
        self.refreshed = second(now);
        let since = callback::ticket();
        for call in self.due_in(self.refreshed) {
            if call.ask(since, REFRESH) == Asked::Queue {
                self.pool.queue(call);
            }
        }
        self.pool.tend();
        notes::deliver();
    }

    /// Returns the functions that no exporter of this process has requested in this second.
    fn due_in(&self, second: u64) -> Vec<Arc<dyn Call>> {
        let mut functions = self.registry.functions(|_| true);
        functions.retain(|call| call.must_refresh(second));
        functions
    }

    /// Starts threads if functions still wait for one. Must be called now and then while a gather
    /// waits.
    pub(crate) fn tend(&self) {
        self.pool.tend();
    }

    /// Runs `work` on another thread when one is free. The listener is woken after it.
    #[cfg(feature = "http")]
    pub(crate) fn run(&self, work: Arc<dyn Work>) {
        self.pool.run(work);
    }

    /// Waits until a function returns, for at most `limit`.
    #[cfg(feature = "push")]
    pub(crate) fn wait(&self, limit: Duration) {
        self.pool.wait(limit);
    }

    /// Drops the pool in a forked child, where its threads do not exist.
    pub(crate) fn abandon(&self) {
        self.has_left.store(true, Ordering::Relaxed);
    }

    /// Ends the threads, unless another exporter uses them. Waits for at most `patience` for late
    /// calls, which keep their threads after that.
    pub(crate) fn leave(&self, patience: Duration) {
        if !self.has_left.swap(true, Ordering::Relaxed) {
            self.pool.leave(patience);
        }
    }
}

impl Drop for Gatherer {
    fn drop(&mut self) {
        self.leave(Duration::ZERO);
    }
}

/// A gather that waits for functions of the application.
pub(crate) struct Gather {
    registry: Registry,
    pool: Arc<Pool>,
    names: Vec<String>,
    limit: Duration,
    since: u64,
    /// The requested functions.
    all: Vec<Arc<dyn Call>>,
    /// The functions whose calls have not ended.
    pending: Vec<Arc<dyn Call>>,
    /// Whether it has stopped waiting.
    is_partial: bool,
}

impl Gather {
    fn wants(&self, desc: &Desc) -> bool {
        self.names.is_empty() || desc.reserves_one_of(&self.names)
    }

    /// Requests calls of the functions that the registry has now.
    fn ask(&mut self) {
        let all = self.registry.functions(|desc| self.wants(desc));
        self.pending = all.iter().filter(|call| self.is_pending(call)).cloned().collect();
        self.all = all;
        if !self.pending.is_empty() {
            self.pool.tend();
        }
    }

    fn is_pending(&self, call: &Arc<dyn Call>) -> bool {
        let asked = call.ask(self.since, self.limit);
        if asked == Asked::Queue {
            self.pool.queue(Arc::clone(call));
        }
        asked != Asked::Settled
    }

    /// Returns whether no function can still return in time.
    pub(crate) fn is_settled(&mut self) -> bool {
        if self.pending.is_empty() {
            return true;
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|call| self.is_pending(call));
        self.pending = pending;
        if self.pending.is_empty() {
            // Functions may have been replaced meanwhile.
            self.ask();
        }
        self.pending.is_empty()
    }

    /// Stops waiting. Functions that have not returned are skipped, and logged if they still run. A
    /// function that waits for the interpreter is not logged.
    pub(crate) fn give_up(&mut self) {
        self.is_partial = true;
        let limit = self.limit;
        for call in std::mem::take(&mut self.pending) {
            if let Some(what) = call.give_up(self.since, limit) {
                let line = format!("{what} takes longer than {limit:?}: left out until it returns");
                self.pool.run(Arc::new(Line(line)));
            }
        }
    }

    /// Returns a gather of the values that have returned so far. It does not wait.
    #[cfg(feature = "http")]
    pub(crate) fn so_far(&self) -> Gather {
        GATHERS.fetch_add(1, Ordering::SeqCst);
        Gather {
            registry: self.registry.clone(),
            pool: Arc::clone(&self.pool),
            names: self.names.clone(),
            all: self.all.clone(),
            pending: Vec::new(),
            is_partial: true,
            ..*self
        }
    }

    /// Returns whether every function has returned.
    #[cfg(feature = "http")]
    pub(crate) fn is_complete(&self) -> bool {
        !self.is_partial && self.pending.is_empty()
    }

    /// Returns whether it began after `other`, so that its values can be used for both.
    #[cfg(feature = "http")]
    pub(crate) fn began_after(&self, other: &Gather) -> bool {
        self.since > other.since
    }

    /// Returns about how many samples a reading has.
    #[cfg(feature = "http")]
    pub(crate) fn series(&self) -> usize {
        self.registry.series(|desc| self.wants(desc))
    }

    /// Begins a reading of the registry on this thread.
    pub(crate) fn read(&mut self) -> GatherReading<'_> {
        GatherReading { results: ResultsOnly::begin(self.since), gather: self }
    }
}

impl Drop for Gather {
    fn drop(&mut self) {
        let before = callback::ticket();
        // The values are dropped, unless another gather may need them.
        if GATHERS.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.all.iter().for_each(|call| call.forget(before));
        }
    }
}

/// A reading of a gather's registry. Until it ends, functions of the application are not called on
/// this thread: their values are what they have returned for the gather.
pub(crate) struct GatherReading<'a> {
    results: ResultsOnly,
    gather: &'a mut Gather,
}

impl GatherReading<'_> {
    pub(crate) fn registry(&self) -> &Registry {
        &self.gather.registry
    }

    /// Ends it. Returns `false` if a function was set since the gather asked: the gather asks for
    /// it now.
    pub(crate) fn end(self) -> bool {
        if self.results.end() {
            self.gather.ask();
        }
        self.gather.pending.is_empty()
    }
}

/// A line for the application's logger, which may take long.
struct Line(String);

impl Work for Line {
    fn run(&self) {
        logging::warn(format_args!("{}", self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Gauge;

    struct Silent;

    impl Interrupt for Silent {}

    #[test]
    fn two_exporters_refresh_a_callback_once_per_second() {
        let registry = Registry::new();
        let level = Gauge::new("level", "Level").expect("valid");
        registry.register(&level).expect("the first");
        level.set_function(|| Some(1.0));
        let [http, push] = [(); 2].map(|()| Gatherer::new(registry.clone(), Arc::new(Silent)));
        let due = [(&http, 7), (&push, 7), (&push, 8), (&http, 8), (&http, 9)];
        let due = due.map(|(exporter, second)| exporter.due_in(second).len());
        assert_eq!(due, [1, 0, 1, 0, 1]);
    }
}
