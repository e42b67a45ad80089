//! Starts and stops an exporter, pauses it for a fork, and restarts it in the child.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::diagnostics::events::START_FAILURES;
use crate::diagnostics::notes;
use crate::exposition::thread::control::{Command, Control};
use crate::exposition::thread::logging;
use crate::exposition::thread::worker::{self, Outcome, Run, Worker};
use crate::fork::exporters::{self, Pausable};
use crate::fork::section::install;
use crate::model::error::Error;
use crate::sync::locks::Mutex;
use crate::sync::{AtomicBool, Ordering};

/// The time that a fork waits before it cuts off the current work. A push takes milliseconds.
const PATIENCE: Duration = Duration::from_millis(60);
/// The maximum time that a fork waits, because a function, a look-up or a log line may take any
/// time.
const PAUSE_LIMIT: Duration = Duration::from_millis(90);

/// The work of an exporter.
pub(crate) trait Task: Run + fmt::Debug + Sized {
    /// The name of its thread.
    const NAME: &'static str;
    /// The values from which it is made.
    type Config: Send + fmt::Debug + 'static;

    /// Returns the object that interrupts the task.
    fn interrupt(&self) -> Arc<dyn Interrupt>;

    /// Makes the task of a forked child, and its configuration.
    ///
    /// `inherited` is the parent's task, if its thread had ended before the fork. Nothing of it may
    /// reach the parent's peers.
    fn for_child(config: &mut Self::Config, inherited: Option<Self>) -> Result<Self, Error>;
}

/// Interrupts a task that runs on its thread.
pub(crate) trait Interrupt: Send + Sync {
    /// Ends a wait of the task that its `Control` does not end.
    fn wake(&self) {}

    /// Cuts off the current work.
    fn cut_off(&self) {}
}

/// A task, wherever it is.
pub(crate) struct Service<T: Task> {
    config: Mutex<T::Config>,
    state: Mutex<State<T>>,
    /// The reason why the task does not run, although nobody has stopped it.
    failure: Mutex<Option<Error>>,
    /// Whether [`Service::start`] has returned success, so that its caller assumes a running
    /// thread.
    is_started: AtomicBool,
}

enum State<T> {
    Running(Running<T>),
    /// No thread runs the task, which is stored here.
    Paused(T),
    /// A forked child could not make its task.
    Unmade,
    Stopped,
}

struct Running<T> {
    worker: Worker<T>,
    interrupt: Arc<dyn Interrupt>,
    /// The time at which a fork asked the thread to end.
    asked: Option<Instant>,
}

impl<T: Task> Service<T> {
    /// Starts the thread. If another thread forks, the thread starts after the fork.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the system refuses a thread.
    pub(crate) fn start(config: T::Config, task: T) -> Result<Arc<Service<T>>, Error> {
        install();
        logging::write_notes_on_a_thread();
        let (config, state) = (Mutex::new(config), Mutex::new(State::Paused(task)));
        let service = Arc::new(Service {
            config,
            state,
            failure: Mutex::new(None),
            is_started: AtomicBool::new(false),
        });
        exporters::start(&service);
        // The caller gets the error, so nothing is logged.
        let failure = service.failure.lock().take();
        if let Some(error) = failure {
            *service.state.lock() = State::Stopped;
            return Err(error);
        }
        service.is_started.store(true, Ordering::Relaxed);
        Ok(service)
    }

    /// Reads the configuration, which a fork changes. Does not wait for the task's thread.
    pub(crate) fn config<R>(&self, read: impl FnOnce(&T::Config) -> R) -> R {
        exporters::retry();
        read(&self.config.lock())
    }

    /// Ends the thread for good. Waits for `limit`, then cuts off its work and waits for `grace`.
    ///
    /// Returns the result, or `None` if there was no task to stop.
    pub(crate) fn stop(&self, limit: Duration, grace: Duration) -> Option<Outcome<T>> {
        // The thread is taken out so that no lock is held during the wait.
        let state = std::mem::replace(&mut *self.state.lock(), State::Stopped);
        let (mut worker, interrupt) = match state {
            State::Running(Running { worker, interrupt, .. }) => (worker, interrupt),
            // If another thread forks, or a thread was refused, this thread does the last work.
            State::Paused(task) => {
                let interrupt = task.interrupt();
                match Worker::spawn(T::NAME, task) {
                    Ok(worker) => (worker, interrupt),
                    Err((task, _)) => return Some(stop_here(task, limit)),
                }
            }
            State::Unmade | State::Stopped => return None,
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

impl<T: Task> Service<T> {
    /// Records why the task does not run, and logs it once. Returns true, because the start must be
    /// tried again.
    fn fails(&self, error: Error) -> bool {
        let is_started = self.is_started.load(Ordering::Relaxed);
        START_FAILURES.add_many(is_started.into());
        let mut failure = self.failure.lock();
        if is_started && failure.as_ref() != Some(&error) {
            notes::add(format!("{} does not export now, and is tried again: {error}", T::NAME));
        }
        *failure = Some(error);
        true
    }

    /// Starts the thread of `task`. Returns whether the start must be tried again.
    fn run(&self, state: &mut State<T>, task: T) -> bool {
        let interrupt = task.interrupt();
        match Worker::spawn(T::NAME, task) {
            Ok(worker) => {
                *state = State::Running(Running { worker, interrupt, asked: None });
                if self.failure.lock().take().is_some() {
                    notes::add(format!("{} exports again", T::NAME));
                }
                false
            }
            Err((task, error)) => {
                *state = State::Paused(task);
                self.fails(error)
            }
        }
    }
}

impl<T: Task> Running<T> {
    /// Waits until the thread has ended, for at most `limit` after it was asked to.
    fn wait_since_asked(&mut self, limit: Duration) -> Outcome<T> {
        let spent = self.asked.map(|asked| asked.elapsed()).unwrap_or_default();
        self.worker.wait(limit.saturating_sub(spent))
    }
}

/// Does the last work of a task on the calling thread, because the system refuses another thread.
fn stop_here<T: Task>(mut task: T, limit: Duration) -> Outcome<T> {
    let control = Control::stopping(Instant::now() + limit);
    worker::run(T::NAME, &mut task, &control);
    Outcome::Ended(task)
}

/// Stores the result of waiting for a thread. If the thread still runs, the fork continues,
/// `resume` revokes the command, and `restart_in_child` abandons the thread.
fn keep<T>(state: &mut State<T>, outcome: Outcome<T>) {
    match outcome {
        Outcome::Ended(task) => *state = State::Paused(task),
        Outcome::Lost => *state = State::Stopped,
        Outcome::TimedOut => {}
    }
}

impl<T: Task> Pausable for Service<T> {
    fn wake(&self) {
        if let State::Running(running) = &*self.state.lock() {
            running.worker.wake();
            running.interrupt.wake();
        }
    }

    fn ask(&self) {
        if let State::Running(running) = &mut *self.state.lock() {
            running.asked = Some(Instant::now());
            running.worker.command(Command::Pause);
            running.interrupt.wake();
        }
    }

    fn hurry(&self) {
        let mut state = self.state.lock();
        if let State::Running(running) = &mut *state {
            let outcome = running.wait_since_asked(PATIENCE);
            if matches!(outcome, Outcome::TimedOut) {
                running.interrupt.cut_off();
            }
            keep(&mut state, outcome);
        }
    }

    fn wait(&self) {
        let mut state = self.state.lock();
        if let State::Running(running) = &mut *state {
            let outcome = running.wait_since_asked(PAUSE_LIMIT);
            keep(&mut state, outcome);
        }
    }

    fn resume(&self) -> bool {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Stopped) {
            State::Running(running) if running.asked.is_none() => {
                *state = State::Running(running);
                false
            }
            // The fork did not wait for the thread to end.
            State::Running(Running { worker, interrupt, .. }) => match worker.revoke() {
                Ok(worker) => {
                    *state = State::Running(Running { worker, interrupt, asked: None });
                    false
                }
                Err(Some(task)) => self.run(&mut state, task),
                Err(None) => false,
            },
            State::Paused(task) => self.run(&mut state, task),
            State::Unmade => match T::for_child(&mut self.config.lock(), None) {
                Ok(task) => self.run(&mut state, task),
                Err(error) => {
                    *state = State::Unmade;
                    self.fails(error)
                }
            },
            State::Stopped => false,
        }
    }

    fn restart_in_child(&self) {
        let mut state = self.state.lock();
        *self.failure.lock() = None;
        let inherited = match std::mem::replace(&mut *state, State::Stopped) {
            State::Paused(task) => Some(task),
            State::Running(Running { worker, .. }) => {
                // Dropping this would detach a thread that does not exist here.
                std::mem::forget(worker);
                None
            }
            State::Unmade => None,
            State::Stopped => return,
        };
        *state = match T::for_child(&mut self.config.lock(), inherited) {
            Ok(task) => State::Paused(task),
            // `resume` tries again, and logs the reason if that fails as well.
            Err(_) => State::Unmade,
        };
    }
}

impl<T: Task> fmt::Debug for Service<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(T::NAME).field("config", &*self.config.lock()).finish_non_exhaustive()
    }
}
