//! The threads that call functions of the application, and make large responses, for all
//! exporters of the process.
//!
//! A function that takes long keeps its thread, and another thread makes the other calls. A
//! function is never called twice at the same time, so one that never returns blocks only one
//! thread.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::diagnostics::notes;
use crate::exposition::thread::control::{Command, Control};
use crate::exposition::thread::logging;
use crate::exposition::thread::queue::{Job, Queue, Work};
use crate::exposition::thread::service::Interrupt;
use crate::exposition::thread::worker::{Outcome, Run, Worker};
use crate::fork::exporters::{self, Pausable};
use crate::registry::call::{Call, Door};
use crate::sync::locks;

/// The maximum number of threads that make calls at the same time, not counting those whose calls
/// take long.
const MAX_ACTIVE: usize = 4;
/// The maximum number of threads.
const MAX_THREADS: usize = 64;
/// A call that takes longer does not count as active.
const LONG: Duration = Duration::from_millis(500);
/// The time that a thread waits for the next call before it ends: longer than most scrape
/// intervals.
const KEEP: Duration = Duration::from_secs(60);
/// The time that a fork waits for calls after it has asked the threads to end. A fork may take a
/// tenth of a second.
const PATIENCE: Duration = Duration::from_millis(80);
/// The time to wait for an idle thread to end.
const IDLE_LIMIT: Duration = Duration::from_secs(1);

/// Threads, and the jobs that wait for one.
///
/// The lock is one of `std`, which may be locked in a forked child, so the child makes a new pool.
pub(crate) struct Pool {
    state: Mutex<State>,
    changed: Condvar,
    process: u32,
}

#[derive(Default)]
struct State {
    queue: Queue,
    threads: HashMap<usize, Worker<Member>>,
    next_thread: usize,
    /// The threads that make a call, and the start of the call; `None` while a thread waits at a
    /// door.
    busy: HashMap<usize, Option<Instant>>,
    /// They are woken after each job that has ended.
    listeners: Vec<Weak<dyn Interrupt>>,
    /// The exporters that may gather.
    users: usize,
    /// The time at which a fork began to wait for the threads to end.
    paused: Option<Instant>,
    /// Whether the system refused the last thread.
    is_refused: bool,
}

/// The pool of this process.
struct Current(locks::Mutex<Arc<Pool>>);

static CURRENT: OnceLock<Arc<Current>> = OnceLock::new();

thread_local! {
    /// The number of this thread in the pool.
    static OWN: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) };
}

/// Returns the pool of this process.
pub(crate) fn pool() -> Arc<Pool> {
    let mut made = false;
    let current = locks::get_or_init(&CURRENT, || {
        made = true;
        Arc::new(Current(locks::Mutex::new(Pool::new())))
    });
    if made {
        exporters::start(current);
    }
    Arc::clone(&current.0.lock())
}

impl Pausable for Current {
    fn ask(&self) {
        let pool = Arc::clone(&self.0.lock());
        pool.state().paused = Some(Instant::now());
        pool.changed.notify_all();
    }

    fn hurry(&self) {}

    fn wait(&self) {
        let pool = Arc::clone(&self.0.lock());
        let spent = pool.state().paused.map(|since| since.elapsed());
        pool.end_threads(PATIENCE.saturating_sub(spent.unwrap_or_default()));
    }

    fn resume(&self) -> bool {
        let pool = Arc::clone(&self.0.lock());
        pool.state().paused = None;
        pool.tend();
        // A gather that waits for calls tries again.
        false
    }

    fn restart_in_child(&self) {
        let old = std::mem::replace(&mut *self.0.lock(), Pool::new());
        let is_empty = |state: &State| state.threads.is_empty() && state.queue.is_empty();
        if !old.state.try_lock().is_ok_and(|state| is_empty(&state)) {
            // In a forked child its threads do not exist, and its lock may be locked.
            std::mem::forget(old);
        }
    }
}

impl Pool {
    fn new() -> Arc<Pool> {
        let process = std::process::id();
        Arc::new(Pool { state: Mutex::default(), changed: Condvar::new(), process })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an exporter, whose listener is woken after each job that has ended.
    pub(crate) fn join(&self, listener: Weak<dyn Interrupt>) {
        let mut state = self.state();
        state.users += 1;
        state.listeners.retain(|listener| listener.strong_count() > 0);
        state.listeners.push(listener);
    }

    /// Removes an exporter. After the last one, ends the threads, and waits for at most `patience`
    /// for calls.
    pub(crate) fn leave(&self, patience: Duration) {
        if self.process != std::process::id() {
            return;
        }
        let mut state = self.state();
        state.users -= 1;
        if state.users > 0 {
            return;
        }
        state.queue.clear();
        drop(state);
        self.end_threads(patience);
    }

    /// Waits for at most `patience` for calls, and then ends the threads that have none.
    fn end_threads(&self, patience: Duration) {
        self.changed.notify_all();
        let state = self.state();
        let own = OWN.get();
        let others = |state: &mut State| state.busy.keys().any(|id| Some(*id) != own);
        let waited = self.changed.wait_timeout_while(state, patience, others);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        let State { threads, busy, .. } = &mut *state;
        let ending: Vec<usize> =
            threads.keys().copied().filter(|id| !busy.contains_key(id)).collect();
        let ending: Vec<_> = ending.iter().filter_map(|id| threads.remove(id)).collect();
        drop(state);
        for mut worker in ending {
            worker.command(Command::Pause);
            worker.wait(IDLE_LIMIT);
        }
    }

    /// Adds a call.
    pub(crate) fn queue(&self, call: Arc<dyn Call>) {
        self.state().queue.add(Job::Call(call));
        self.changed.notify_all();
    }

    /// Adds other work of this crate, and finds a thread for it.
    pub(crate) fn run(self: &Arc<Pool>, work: Arc<dyn Work>) {
        self.state().queue.add(Job::Work(work));
        self.changed.notify_all();
        self.tend();
    }

    /// Starts threads if calls still wait. Must be called now and then while a gather waits.
    pub(crate) fn tend(self: &Arc<Pool>) {
        let mut state = self.state();
        if state.paused.is_some() || state.users == 0 {
            return;
        }
        state.threads.retain(|_, worker| matches!(worker.wait(Duration::ZERO), Outcome::TimedOut));
        let is_long = |since: &&Option<Instant>| since.is_some_and(|since| since.elapsed() > LONG);
        let long = state.busy.values().filter(is_long).count();
        let mut idle = state.threads.len().saturating_sub(state.busy.len());
        let waiting = state.queue.doable(state.at_door());
        while idle < waiting
            && state.threads.len() - long.min(state.threads.len()) < MAX_ACTIVE
            && state.threads.len() < MAX_THREADS
        {
            let id = state.next_thread;
            let member = Member { pool: Arc::clone(self), id };
            match Worker::spawn("dcm-callback", member) {
                Ok(worker) => {
                    state.next_thread += 1;
                    state.threads.insert(id, worker);
                    state.is_refused = false;
                    idle += 1;
                }
                Err((_, error)) => {
                    let first = !std::mem::replace(&mut state.is_refused, true);
                    drop(state);
                    if first {
                        let what = "no thread for the functions of gauges and collectors";
                        notes::add(format!("{what}: {error}"));
                    }
                    return;
                }
            }
        }
    }

    /// Waits until a call ends, for at most `limit`.
    #[cfg(feature = "push")]
    pub(crate) fn wait(&self, limit: Duration) {
        // After a spurious wake-up, the caller checks once more which calls have ended.
        drop(self.changed.wait_timeout(self.state(), limit));
    }

    /// Waits for the next job of a thread. Returns `None` to end the thread.
    fn next(&self, id: usize) -> Option<Job> {
        if self.process != std::process::id() {
            return None;
        }
        let mut state = self.state();
        state.busy.remove(&id);
        self.changed.notify_all();
        let give_up = Instant::now() + KEEP;
        loop {
            if state.paused.is_some() || state.users == 0 {
                return None;
            }
            let at_door = state.at_door();
            if let Some(job) = state.queue.take(at_door) {
                let since = job.door().is_none().then(Instant::now);
                state.busy.insert(id, since);
                return Some(job);
            }
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns the next call behind a door that a thread has passed.
    fn next_behind(&self, door: Door, id: usize) -> Option<Arc<dyn Call>> {
        let mut state = self.state();
        if state.paused.is_some() || state.users == 0 {
            return None;
        }
        let call = state.queue.take_behind(door)?;
        state.busy.insert(id, Some(Instant::now()));
        Some(call)
    }

    /// Makes a call on this thread.
    fn make(&self, call: &Arc<dyn Call>, id: usize) {
        self.state().busy.insert(id, Some(Instant::now()));
        let ran = call.run();
        if let Some(what) = ran.panicked {
            logging::warn(format_args!("{what} panicked"));
        }
        if self.process != std::process::id() {
            return;
        }
        if ran.again {
            self.state().queue.add(Job::Call(Arc::clone(call)));
        }
        self.changed.notify_all();
        self.wake_listeners();
    }

    fn wake_listeners(&self) {
        let listeners: Vec<_> = self.state().listeners.iter().filter_map(Weak::upgrade).collect();
        for listener in listeners {
            listener.wake();
        }
    }
}

impl State {
    fn at_door(&self) -> usize {
        self.busy.values().filter(|since| since.is_none()).count()
    }
}

/// A thread of the pool.
struct Member {
    pool: Arc<Pool>,
    id: usize,
}

impl Run for Member {
    fn run(&mut self, control: &Control) {
        let Member { pool, id } = self;
        OWN.set(Some(*id));
        while let Some(job) = pool.next(*id) {
            let call = match job {
                Job::Work(work) => {
                    work.run();
                    pool.wake_listeners();
                    continue;
                }
                Job::Call(call) => call,
            };
            let Some(door) = call.door() else {
                pool.make(&call, *id);
                continue;
            };
            let mut first = Some(call);
            door(&mut || {
                let mut next = first.take();
                while let Some(call) = next {
                    pool.make(&call, *id);
                    next = pool.next_behind(door, *id);
                }
            });
            if let Some(call) = first {
                call.refuse();
            }
        }
        control.leave();
    }

    fn recover(&mut self) {
        self.pool.state().busy.remove(&self.id);
    }
}
