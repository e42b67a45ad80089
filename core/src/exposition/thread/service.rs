//! The life of an exporter: started, stopped, paused for a fork, restarted in the child.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::exposition::logging;
use crate::exposition::thread::worker::{Command, Outcome, Run, Worker, start_detached};
use crate::fork::exporters::{self, Pausable};
use crate::fork::section::install;
use crate::model::error::Error;
use crate::sync::locks::Mutex;

/// How long a fork waits for the work at hand before it cuts it off: a push takes milliseconds.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long a fork waits after that. No thread of an exporter runs code of the application, so this
/// is for the system alone.
const PAUSE_LIMIT: Duration = Duration::from_millis(2500);

/// The work of an exporter.
pub(crate) trait Task: Run + fmt::Debug + Sized {
    /// The name of its thread.
    const NAME: &'static str;
    /// The values that it is made from.
    type Config: Send + fmt::Debug + 'static;

    /// Returns what interrupts it.
    fn interrupt(&self) -> Arc<dyn Interrupt>;

    /// Makes the task of a forked child, and its configuration.
    ///
    /// `inherited` is the parent's task, if its thread had ended before the fork. Nothing of it may
    /// reach the parent's peers.
    fn for_child(config: &mut Self::Config, inherited: Option<Self>) -> Result<Self, Error>;
}

/// Reaches a task on its thread.
pub(crate) trait Interrupt: Send + Sync {
    /// Ends a wait of the task that its `Control` does not end.
    fn wake(&self) {}

    /// Ends the work at hand, unfinished.
    fn cut_off(&self) {}

    /// Frees what the thread held, in a forked child that does not have the thread.
    fn abandon(&self) {}
}

/// A task, wherever it is.
pub(crate) struct Service<T: Task> {
    config: Mutex<T::Config>,
    state: Mutex<State<T>>,
}

enum State<T> {
    Running(Worker<T>, Arc<dyn Interrupt>),
    /// No thread runs the task, which is here.
    Paused(T),
    /// The last attempt to run the task failed.
    Failed(Error),
    Stopped,
}

impl<T: Task> Service<T> {
    /// Starts the thread. If another thread forks, the thread starts after the fork.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the system refuses a thread.
    pub(crate) fn start(config: T::Config, task: T) -> Result<Arc<Service<T>>, Error> {
        install();
        let (config, state) = (Mutex::new(config), Mutex::new(State::Paused(task)));
        let service = Arc::new(Service { config, state });
        exporters::start(&service);
        if let State::Failed(error) = &*service.state.lock() {
            return Err(error.clone());
        }
        Ok(service)
    }

    /// Reads the configuration, which a fork changes. Waits for no thread of the task.
    pub(crate) fn config<R>(&self, read: impl FnOnce(&T::Config) -> R) -> R {
        read(&self.config.lock())
    }

    /// Ends the thread for good. Waits for `limit`, then cuts its work off and waits for `grace`.
    ///
    /// Returns how that ended; `None` if no task was left to stop.
    pub(crate) fn stop(&self, limit: Duration, grace: Duration) -> Option<Outcome<T>> {
        // Taken out, so that no lock is held during the wait.
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
        worker.command(Command::Stop(Instant::now() + limit));
        interrupt.wake();
        let mut outcome = worker.wait(limit);
        if matches!(outcome, Outcome::TimedOut) {
            interrupt.cut_off();
            outcome = worker.wait(grace);
        }
        Some(outcome)
    }
}

impl<T: Task> Pausable for Service<T> {
    fn pause(&self) {
        let mut state = self.state.lock();
        let State::Running(worker, interrupt) = &mut *state else { return };
        worker.command(Command::Pause);
        interrupt.wake();
        let mut outcome = worker.wait(PATIENCE);
        if matches!(outcome, Outcome::TimedOut) {
            interrupt.cut_off();
            outcome = worker.wait(PAUSE_LIMIT);
        }
        match outcome {
            Outcome::Ended(task) => *state = State::Paused(task),
            Outcome::Panicked => *state = State::Stopped,
            // The fork goes on all the same: `resume` revokes the command, `restart_in_child`
            // abandons the thread.
            Outcome::TimedOut => {}
        }
    }

    fn resume(&self) {
        let mut state = self.state.lock();
        let task = match &mut *state {
            State::Running(worker, _) if !worker.revoke() => match worker.wait(PATIENCE) {
                Outcome::Ended(task) => task,
                Outcome::Panicked | Outcome::TimedOut => return *state = State::Stopped,
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

    fn restart_in_child(&self) {
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
        *state = match T::for_child(&mut self.config.lock(), inherited) {
            Ok(task) => State::Paused(task),
            Err(error) => {
                log_from_thread(&error);
                State::Failed(error)
            }
        };
    }
}

/// Logs from another thread: the loggers of a forked child are not ready while it is being set up.
/// Without a thread nothing is logged.
fn log_from_thread(error: &Error) {
    let line = format!("a forked process does not export its metrics: {error}");
    // Without a thread nothing is logged, as said above.
    let _ = start_detached("dcm-log", move || logging::warn(format_args!("{line}")));
}

impl<T: Task> fmt::Debug for Service<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(T::NAME).field("config", &*self.config.lock()).finish_non_exhaustive()
    }
}
