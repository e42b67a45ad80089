//! A thread of this crate: it ends on command, and every wait for it is bounded.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::diagnostics::{events, notes};
use crate::exposition::thread::control::{Command, Control};
use crate::exposition::thread::system;
use crate::model::error::Error;

/// The time that joining waits for the system to remove a finished thread. A thread that takes
/// longer waits for a lock of std that a fork left locked (`fork/mod.rs`).
const JOIN_LIMIT: Duration = Duration::from_secs(1);
/// The time that a thread waits after a panic before it continues, so that repeated panics do not
/// keep the processor busy.
const AFTER_PANIC: Duration = Duration::from_millis(100);

/// The work of a thread. It is kept while the thread is paused.
pub(crate) trait Run: Send + 'static {
    /// Runs until `control` commands an end. Called again if the command is revoked.
    fn run(&mut self, control: &Control);

    /// Prepares the task to run again after a panic of `run`.
    fn recover(&mut self);
}

/// A running thread, and the task that it returns at its end.
#[derive(Debug)]
pub(crate) struct Worker<T> {
    handle: Option<JoinHandle<()>>,
    control: Arc<Control>,
    task: Arc<Parked<T>>,
    /// Receives a signal when the thread has returned the task, and the path at which the system
    /// lists the thread.
    ended: Receiver<Option<PathBuf>>,
}

/// A task that no thread runs, if there is one.
#[derive(Debug)]
struct Parked<T>(Mutex<Option<T>>);

impl<T> Parked<T> {
    fn replace(&self, task: Option<T>) -> Option<T> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), task)
    }
}

/// The result of waiting for a thread.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// The thread has ended and returned its task.
    Ended(T),
    /// A second panic, in `recover`, ended the thread and its task.
    Lost,
    /// The thread still runs.
    TimedOut,
}

/// Starts a thread. Every thread of this crate starts here, so it handles no signals of the process
/// and has the default stack size.
///
/// The system shows 15 bytes of the name.
fn start(name: &'static str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name(name.into());
    system::without_signals(|| thread.stack_size(system::stack_size()).spawn(body))
}

/// Runs `task` until it is commanded to end. After a panic the current work is lost, and the task
/// recovers.
pub(crate) fn run<T: Run>(name: &str, task: &mut T, control: &Control) {
    while catch_unwind(AssertUnwindSafe(|| task.run(control))).is_err() {
        events::EXPORTER_PANICS.add();
        notes::add(format!("{name} panicked: its current work is lost, and it continues"));
        notes::deliver();
        task.recover();
        if control.wait_until(Instant::now() + AFTER_PANIC) != Command::Run {
            return;
        }
    }
}

/// Starts a thread that nobody joins.
///
/// # Errors
///
/// The error of the system, if it refuses a thread.
pub(crate) fn start_detached(
    name: &'static str,
    body: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    start(name, body).map(drop)
}

impl<T: Run> Worker<T> {
    /// Starts a thread that runs `task`.
    ///
    /// # Errors
    ///
    /// [`Error::System`] if the system refuses a thread. The task comes back with it.
    pub(crate) fn spawn(name: &'static str, task: T) -> Result<Worker<T>, (T, Error)> {
        let (send, ended) = mpsc::channel();
        let control = Arc::new(Control::new());
        // The task is parked until there is a thread, because a refused thread drops its closure.
        let parked = Arc::new(Parked(Mutex::new(Some(task))));
        let (shared, taken) = (Arc::clone(&control), Arc::clone(&parked));
        let body = move || {
            while let Some(mut task) = taken.replace(None) {
                run(name, &mut task, &shared);
                // This is first, so that everyone who sees that the thread has obeyed finds the
                // task.
                taken.replace(Some(task));
                if shared.end() {
                    break;
                }
            }
            // The path at which the system lists this thread until it has ended.
            let entry = std::fs::read_link("/proc/thread-self").ok();
            // An error means that no thread waits.
            let _ = send.send(entry.map(|entry| PathBuf::from("/proc").join(entry)));
        };
        match start(name, body) {
            Ok(handle) => Ok(Worker { handle: Some(handle), control, task: parked, ended }),
            Err(error) => {
                let error = Error::System { what: "start a thread", reason: error.to_string() };
                Err((parked.replace(None).expect("no thread has taken it"), error))
            }
        }
    }

    /// Commands the thread. If it waits for something else, the caller must interrupt that.
    pub(crate) fn command(&self, command: Command) {
        self.control.set(command);
    }

    /// Ends the wait of the task's `Control`, if it is waiting.
    pub(crate) fn wake(&self) {
        self.control.wake();
    }

    /// Revokes the command to end. If the thread has already obeyed it, returns the task, or `None`
    /// if the task is lost. Never waits.
    pub(crate) fn revoke(self) -> Result<Worker<T>, Option<T>> {
        if self.control.revoke() { Ok(self) } else { Err(self.task.replace(None)) }
    }

    /// Waits until the thread has ended, for at most `limit`. Then waits until the system has
    /// removed it, for at most a second.
    pub(crate) fn wait(&mut self, limit: Duration) -> Outcome<T> {
        let entry = match self.ended.recv_timeout(limit) {
            Err(RecvTimeoutError::Timeout) => return Outcome::TimedOut,
            Err(RecvTimeoutError::Disconnected) => None,
            Ok(entry) => entry,
        };
        self.join(|| entry.as_ref().is_some_and(|entry| entry.exists()));
        self.task.replace(None).map_or(Outcome::Lost, Outcome::Ended)
    }

    fn join(&mut self, is_listed: impl Fn() -> bool) {
        // For some microseconds after a join, the system still counts the thread, and CPython reads
        // that count.
        let give_up = Instant::now() + JOIN_LIMIT;
        while is_listed() {
            if Instant::now() > give_up {
                // Detached.
                return drop(self.handle.take());
            }
            thread::yield_now();
        }
        // There is nothing left to wait for.
        let _ = self.handle.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts its runs, and panics in the first ones.
    #[derive(Debug, Default)]
    struct CountsRuns {
        runs: usize,
        panics: usize,
        recoveries: usize,
    }

    impl Run for CountsRuns {
        fn run(&mut self, control: &Control) {
            self.runs += 1;
            assert!(self.runs > self.panics, "a panic that the test expects");
            control.wait_until(Instant::now() + Duration::from_secs(60));
        }

        fn recover(&mut self) {
            self.recoveries += 1;
        }
    }

    fn spawn(task: CountsRuns) -> Worker<CountsRuns> {
        Worker::spawn("dcm-test", task).expect("a thread")
    }

    #[test]
    fn a_revoked_command_keeps_the_thread_or_returns_its_task() {
        let worker = spawn(CountsRuns::default());
        let worker = worker.revoke().expect("it has no command yet");
        worker.command(Command::Pause);
        while !worker.control.has_ended() {
            thread::yield_now();
        }
        // The thread may still run for any time before it ends.
        let task = worker.revoke().expect_err("it has obeyed the command");
        assert_eq!(task.expect("the task").runs, 1);
    }

    #[test]
    fn a_panic_loses_only_the_current_work_and_is_counted() {
        let before = events::EXPORTER_PANICS.total();
        let mut worker = spawn(CountsRuns { panics: 2, ..CountsRuns::default() });
        while events::EXPORTER_PANICS.total() < before + 2 {
            thread::yield_now();
        }
        worker.command(Command::Pause);
        let outcome = worker.wait(Duration::from_secs(20));
        let Outcome::Ended(task) = outcome else { panic!("{outcome:?}") };
        assert!(task.runs >= 2 && task.recoveries == 2, "{task:?}");
    }
}
