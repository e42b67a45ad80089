//! A thread of ours: it ends when it is asked to, and is waited for, but never for ever.

use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::model::error::Error;

/// How long the system may take to forget a thread that has done its work. One that takes longer
/// has met a lock of std's that a fork left locked (`fork.rs`).
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(1);

/// What a thread is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Go on.
    Run,
    /// End, to go on later.
    Pause,
    /// End for good; whatever is left to do must be over by then.
    Stop(Instant),
}

/// How a thread learns what it is to do.
#[derive(Debug)]
pub(crate) struct Control {
    state: Mutex<(Wish, bool)>,
    changed: Condvar,
}

impl Control {
    fn new() -> Control {
        Control { state: Mutex::new((Wish::Run, false)), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, (Wish, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wish(&self) -> Wish {
        self.state().0
    }

    /// Waits until `deadline` or until there is another wish than to run, which it returns.
    #[cfg(feature = "push")]
    pub(crate) fn wait_until(&self, deadline: Instant) -> Wish {
        let left = deadline.saturating_duration_since(Instant::now());
        let state = self.state();
        let waited = self.changed.wait_timeout_while(state, left, |(wish, _)| *wish == Wish::Run);
        waited.unwrap_or_else(PoisonError::into_inner).0.0
    }

    fn set(&self, wish: Wish) {
        self.state().0 = wish;
        self.changed.notify_all();
    }

    /// What the thread may spend on tidying up: an end for good has more time than a pause.
    pub(crate) fn patience(&self) -> Duration {
        match self.wish() {
            Wish::Stop(_) => Duration::from_millis(500),
            Wish::Run | Wish::Pause => Duration::ZERO,
        }
    }

    /// From a thread whose work is over: nobody will ask it to end.
    pub(crate) fn leave(&self) {
        self.set(Wish::Pause);
    }

    /// The thread's own last word: from now on no wish is heard. `false` if it is to run after all.
    fn end(&self) -> bool {
        let mut state = self.state();
        state.1 = state.0 != Wish::Run;
        state.1
    }

    /// Takes the wish to end back; `false` if the thread has followed it already.
    fn revoke(&self) -> bool {
        let mut state = self.state();
        state.0 = Wish::Run;
        !state.1
    }
}

/// What a thread runs, and keeps while it is paused.
pub(crate) trait Run: Send + 'static {
    /// Runs until `control` wishes an end. Called again if that is taken back.
    fn run(&mut self, control: &Control);
}

/// A running thread, and the task that it will give back.
#[derive(Debug)]
pub(crate) struct Worker<T> {
    handle: Option<JoinHandle<()>>,
    control: Arc<Control>,
    returned: Receiver<(T, Option<PathBuf>)>,
}

/// What waiting for a thread brought.
#[derive(Debug)]
pub(crate) enum Waited<T> {
    Ended(T),
    /// A panic, which the thread has printed itself, ended it.
    Panicked,
    /// Not within the time.
    Runs,
}

impl<T: Run> Worker<T> {
    /// Starts a thread of this name (15 bytes are what the system shows).
    pub(crate) fn spawn(name: &'static str, mut task: T) -> Result<Worker<T>, Error> {
        let (send, returned) = mpsc::channel();
        let control = Arc::new(Control::new());
        let of_thread = Arc::clone(&control);
        let body = move || {
            task.run(&of_thread);
            while !of_thread.end() {
                task.run(&of_thread);
            }
            // Where the system lists this thread, until it is really gone.
            let entry = std::fs::read_link("/proc/thread-self").ok();
            // An error means that nobody waits.
            let _ = send.send((task, entry.map(|entry| PathBuf::from("/proc").join(entry))));
        };
        let spawned = thread::Builder::new().name(name.into()).spawn(body);
        let handle = spawned
            .map_err(|error| Error::System { what: "start a thread", reason: error.to_string() })?;
        Ok(Worker { handle: Some(handle), control, returned })
    }

    /// Tells the thread; whatever it waits for besides is the caller's to interrupt.
    pub(crate) fn ask(&self, wish: Wish) {
        self.control.set(wish);
    }

    /// Takes back what was asked; `false` if the thread ends, or has ended, already.
    pub(crate) fn revoke(&self) -> bool {
        self.control.revoke()
    }

    /// Waits until the thread has ended and the system has forgotten it, `limit` at the most.
    pub(crate) fn wait(&mut self, limit: Duration) -> Waited<T> {
        match self.returned.recv_timeout(limit) {
            Err(RecvTimeoutError::Timeout) => Waited::Runs,
            Err(RecvTimeoutError::Disconnected) => {
                self.join(|| false);
                Waited::Panicked
            }
            Ok((task, entry)) => {
                self.join(|| entry.as_ref().is_some_and(|entry| entry.exists()));
                Waited::Ended(task)
            }
        }
    }

    fn join(&mut self, is_listed: impl Fn() -> bool) {
        // A joined thread would still be counted for some microseconds, by CPython among others.
        let give_up = Instant::now() + FORGOTTEN_WITHIN;
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
