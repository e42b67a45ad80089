//! What an exporter is besides its work: started, stopped, paused for a fork, renewed in the child.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::exposition::consts::LOG_TARGET;
use crate::exposition::thread::gatherer::GATHER_LIMIT;
use crate::exposition::thread::worker::{Run, Waited, Wish, Worker};
use crate::fork::{self, Exporter, Forked};
use crate::model::error::Error;
use crate::sync::locks::Mutex;

/// What a fork waits for the work at hand before it is cut off: a push takes some milliseconds.
const PATIENCE: Duration = Duration::from_millis(100);
/// What a fork waits then: for a gather with functions that hang, and a little more.
const PAUSE_LIMIT: Duration = GATHER_LIMIT.saturating_add(Duration::from_millis(500));

/// The work of an exporter.
pub(crate) trait Task: Run + fmt::Debug + Sized {
    /// The name of its thread.
    const NAME: &'static str;
    /// What it is made from.
    type Config: Send + fmt::Debug + 'static;

    /// How it is interrupted.
    fn interrupt(&self) -> Arc<dyn Interrupt>;

    /// The task of a forked child. `inherited` is that of the parent, if its thread had ended
    /// before the fork; nothing of it may reach the parent's peers.
    fn renew(config: &mut Self::Config, inherited: Option<Self>) -> Result<Self, Error>;
}

/// Reaches a task on its thread.
pub(crate) trait Interrupt: Send + Sync {
    /// Ends a wait that the thread's [`Control`](crate::exposition::thread::worker::Control) does not end.
    fn wake(&self) {}

    /// Ends the work at hand, unfinished.
    fn cut_off(&self) {}

    /// In a forked child without that thread: gives back what it held.
    fn abandon(&self) {}
}

/// A task, wherever it is.
pub(crate) struct Service<T: Task> {
    config: Mutex<T::Config>,
    state: Mutex<State<T>>,
}

enum State<T> {
    Running(Worker<T>, Arc<dyn Interrupt>),
    /// Here, while no thread runs it.
    Paused(T),
    /// The last attempt to run it failed.
    Failed(Error),
    Stopped,
}

impl<T: Task> Service<T> {
    /// Starts the thread; after a fork that is on its way, at the latest.
    pub(crate) fn start(config: T::Config, task: T) -> Result<Arc<Service<T>>, Error> {
        let (config, state) = (Mutex::new(config), Mutex::new(State::Paused(task)));
        let service = Arc::new(Service { config, state });
        fork::join(&service);
        if let State::Failed(error) = &*service.state.lock() {
            return Err(error.clone());
        }
        Ok(service)
    }

    /// Reads the configuration, which a fork changes.
    pub(crate) fn config<R>(&self, read: impl FnOnce(&T::Config) -> R) -> R {
        read(&self.config.lock())
    }

    /// Ends the thread for good, `limit` waited for at the most; then cuts its work off and waits
    /// for `grace`. `Stopped` if there was none; otherwise as [`Worker::wait`].
    pub(crate) fn stop(&self, limit: Duration, grace: Duration) -> Option<Waited<T>> {
        // Taken out, so that no lock is held while it is waited for.
        let state = std::mem::replace(&mut *self.state.lock(), State::Stopped);
        let (mut worker, interrupt) = match state {
            State::Running(worker, interrupt) => (worker, interrupt),
            // Another thread forks: the last work is done all the same.
            State::Paused(task) => {
                let interrupt = task.interrupt();
                (Worker::spawn(T::NAME, task).ok()?, interrupt)
            }
            State::Failed(_) | State::Stopped => return None,
        };
        worker.ask(Wish::Stop(Instant::now() + limit));
        interrupt.wake();
        let mut waited = worker.wait(limit);
        if matches!(waited, Waited::Runs) {
            interrupt.cut_off();
            waited = worker.wait(grace);
        }
        Some(waited)
    }
}

impl<T: Task> Exporter for Service<T> {
    fn pause(&self) {
        let mut state = self.state.lock();
        let State::Running(worker, interrupt) = &mut *state else { return };
        worker.ask(Wish::Pause);
        interrupt.wake();
        let mut waited = worker.wait(PATIENCE);
        if matches!(waited, Waited::Runs) {
            interrupt.cut_off();
            waited = worker.wait(PAUSE_LIMIT);
        }
        match waited {
            Waited::Ended(task) => *state = State::Paused(task),
            Waited::Panicked => *state = State::Stopped,
            // The fork goes on all the same; `resume` and `renew` know what to do.
            Waited::Runs => {}
        }
    }

    fn resume(&self) {
        let mut state = self.state.lock();
        let task = match &mut *state {
            State::Running(worker, _) if !worker.revoke() => match worker.wait(PATIENCE) {
                Waited::Ended(task) => task,
                Waited::Panicked | Waited::Runs => return *state = State::Stopped,
            },
            State::Paused(_) => match std::mem::replace(&mut *state, State::Stopped) {
                State::Paused(task) => task,
                other => return *state = other,
            },
            State::Running(..) | State::Failed(_) | State::Stopped => return,
        };
        let interrupt = task.interrupt();
        *state = match Worker::spawn(T::NAME, task) {
            Ok(worker) => State::Running(worker, interrupt),
            Err(error) => State::Failed(error),
        };
    }
}

impl<T: Task> Forked for Service<T> {
    fn renew(&self) {
        let mut state = self.state.lock();
        let inherited = match std::mem::replace(&mut *state, State::Stopped) {
            State::Paused(task) => Some(task),
            State::Running(worker, interrupt) => {
                interrupt.abandon();
                // Dropping it would detach a thread that does not exist.
                std::mem::forget(worker);
                None
            }
            State::Failed(_) | State::Stopped => return,
        };
        *state = match T::renew(&mut self.config.lock(), inherited) {
            Ok(task) => State::Paused(task),
            Err(error) => {
                log_later(&error);
                State::Failed(error)
            }
        };
    }
}

/// From a thread: the loggers of a forked child are not ready while it is being set up.
fn log_later(error: &Error) {
    let line = format!("a forked process does not export its metrics: {error}");
    let body = move || log::warn!(target: LOG_TARGET, "{line}");
    // Without threads there is no way to tell it.
    let _ = std::thread::Builder::new().name("dcm-log".into()).spawn(body);
}

impl<T: Task> fmt::Debug for Service<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(T::NAME).field("config", &*self.config.lock()).finish_non_exhaustive()
    }
}
