//! A thread of this crate: it ends on command, and every wait for it is bounded.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

#[cfg(unix)]
use crate::exposition::thread::system;
use crate::model::error::Error;

/// How long joining waits for the system to forget a thread that has done its work. A thread that
/// takes longer has met a lock of std that a fork left locked (`fork/mod.rs`).
const JOIN_LIMIT: Duration = Duration::from_secs(1);
/// How long a thread may tidy up at its end for good; a pause leaves no time for it.
const TIDY_LIMIT: Duration = Duration::from_millis(500);

/// A command to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Go on.
    Run,
    /// End, to go on later.
    Pause,
    /// End for good; whatever is left to do must be over by then.
    Stop(Instant),
}

/// Carries commands to a thread.
///
/// The locks are those of `std`: a fork waits for the thread that shares them, and the child uses a
/// new one.
#[derive(Debug)]
pub(crate) struct Control {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    command: Command,
    /// The thread has followed the command to end, and hears no other.
    has_ended: bool,
}

impl Control {
    fn new() -> Control {
        let state = State { command: Command::Run, has_ended: false };
        Control { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Commands a task that runs on the caller's own thread to do its last work.
    pub(crate) fn stopping(deadline: Instant) -> Control {
        let control = Control::new();
        control.set(Command::Stop(deadline));
        control
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the present command.
    pub(crate) fn command(&self) -> Command {
        self.state().command
    }

    /// Waits until `deadline`, or until the command is another than to run. Returns the command.
    #[cfg(feature = "push")]
    pub(crate) fn wait_until(&self, deadline: Instant) -> Command {
        let left = deadline.saturating_duration_since(Instant::now());
        let runs = |state: &mut State| state.command == Command::Run;
        let waited = self.changed.wait_timeout_while(self.state(), left, runs);
        waited.unwrap_or_else(PoisonError::into_inner).0.command
    }

    fn set(&self, command: Command) {
        self.state().command = command;
        self.changed.notify_all();
    }

    /// Returns what the thread may spend on tidying up.
    pub(crate) fn patience(&self) -> Duration {
        match self.command() {
            Command::Stop(_) => TIDY_LIMIT,
            Command::Run | Command::Pause => Duration::ZERO,
        }
    }

    /// Ends the thread from inside, when its work is over and nobody will command it.
    pub(crate) fn leave(&self) {
        self.set(Command::Pause);
    }

    /// Ends the thread's part: it hears no other command. Returns `false` if it is to run again.
    fn end(&self) -> bool {
        let mut state = self.state();
        state.has_ended = state.command != Command::Run;
        state.has_ended
    }

    /// Revokes the command to end. Returns `false` if the thread has followed it already.
    fn revoke(&self) -> bool {
        let mut state = self.state();
        state.command = Command::Run;
        !state.has_ended
    }
}

/// The work of a thread. It is kept while the thread is paused.
pub(crate) trait Run: Send + 'static {
    /// Runs until `control` commands an end. Called again if that is revoked.
    fn run(&mut self, control: &Control);
}

/// A running thread, and the task that it returns at its end.
#[derive(Debug)]
pub(crate) struct Worker<T> {
    handle: Option<JoinHandle<()>>,
    control: Arc<Control>,
    returned: Receiver<(T, Option<PathBuf>)>,
}

/// How waiting for a thread ended.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// The thread has ended and returned its task.
    Ended(T),
    /// A panic ended the thread, which has printed it.
    Panicked,
    /// The thread still runs.
    TimedOut,
}

/// Starts a thread. Every thread of this crate starts here: it takes no signal of the process, and
/// has the stack of the system's threads.
///
/// The system shows 15 bytes of the name.
fn start(name: &'static str, body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name(name.into());
    #[cfg(unix)]
    return system::without_signals(|| thread.stack_size(system::stack_size()).spawn(body));
    #[cfg(not(unix))]
    thread.spawn(body)
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
        let (send, returned) = mpsc::channel();
        let control = Arc::new(Control::new());
        let shared = Arc::clone(&control);
        // Given to the thread once there is one: a refusal drops what the thread was to run.
        let (give, given) = mpsc::sync_channel::<T>(1);
        let body = move || {
            let Ok(mut task) = given.recv() else { return };
            task.run(&shared);
            while !shared.end() {
                task.run(&shared);
            }
            // Where the system lists this thread, until it is really gone.
            let entry = std::fs::read_link("/proc/thread-self").ok();
            // An error means that nobody waits.
            let _ = send.send((task, entry.map(|entry| PathBuf::from("/proc").join(entry))));
        };
        match start(name, body) {
            Ok(handle) => {
                // The thread receives before it can end, so this cannot fail.
                let _ = give.send(task);
                Ok(Worker { handle: Some(handle), control, returned })
            }
            Err(error) => {
                Err((task, Error::System { what: "start a thread", reason: error.to_string() }))
            }
        }
    }

    /// Commands the thread. If it waits for something else, the caller must interrupt that.
    pub(crate) fn command(&self, command: Command) {
        self.control.set(command);
    }

    /// Revokes the command to end. Returns `false` if the thread ends, or has ended, already.
    pub(crate) fn revoke(&self) -> bool {
        self.control.revoke()
    }

    /// Waits until the thread has ended, for `limit` at most. Then waits until the system has
    /// forgotten it, for a second at most.
    pub(crate) fn wait(&mut self, limit: Duration) -> Outcome<T> {
        match self.returned.recv_timeout(limit) {
            Err(RecvTimeoutError::Timeout) => Outcome::TimedOut,
            Err(RecvTimeoutError::Disconnected) => {
                self.join(|| false);
                Outcome::Panicked
            }
            Ok((task, entry)) => {
                self.join(|| entry.as_ref().is_some_and(|entry| entry.exists()));
                Outcome::Ended(task)
            }
        }
    }

    fn join(&mut self, is_listed: impl Fn() -> bool) {
        // A joined thread would still be counted for some microseconds, by CPython among others.
        let give_up = Instant::now() + JOIN_LIMIT;
        while is_listed() {
            if Instant::now() > give_up {
                // Detached.
                return drop(self.handle.take());
            }
            thread::yield_now();
        }
        // Nothing is left to wait for.
        let _ = self.handle.take().map(JoinHandle::join);
    }
}
