//! Commands to a thread of this crate: to run, to pause, to end by a deadline.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The time that a thread has to finish its work when it ends for good. A pause leaves no time for
/// that.
const TIDY_LIMIT: Duration = Duration::from_millis(500);

/// A command to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Continue.
    Run,
    /// End, to continue later.
    Pause,
    /// End for good; the remaining work must be over by then.
    Stop(Instant),
}

/// Carries commands to a thread.
///
/// The locks are of `std`, because a fork waits for the thread that shares them, and the child uses
/// a new `Control`.
#[derive(Debug)]
pub(crate) struct Control {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    command: Command,
    /// The thread has obeyed the command to end, and reads no other.
    has_ended: bool,
    /// The current or the next wait ends at once.
    is_woken: bool,
}

impl Control {
    /// Makes the control of a running thread.
    pub(crate) fn new() -> Control {
        let state = State { command: Command::Run, has_ended: false, is_woken: false };
        Control { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Makes a control that commands a task on the calling thread to do its last work.
    pub(crate) fn stopping(deadline: Instant) -> Control {
        let control = Control::new();
        control.set(Command::Stop(deadline));
        control
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the current command.
    pub(crate) fn command(&self) -> Command {
        self.state().command
    }

    /// Waits until `deadline`, until [`Control::wake`], or until the command is not to run. Returns
    /// the command.
    pub(crate) fn wait_until(&self, deadline: Instant) -> Command {
        let left = deadline.saturating_duration_since(Instant::now());
        let waits = |state: &mut State| state.command == Command::Run && !state.is_woken;
        let waited = self.changed.wait_timeout_while(self.state(), left, waits);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.is_woken = false;
        state.command
    }

    /// Ends a wait without changing the command.
    pub(crate) fn wake(&self) {
        self.state().is_woken = true;
        self.changed.notify_all();
    }

    /// Commands the thread. If it waits for something else, the caller must interrupt that.
    pub(crate) fn set(&self, command: Command) {
        self.state().command = command;
        self.changed.notify_all();
    }

    /// Returns how long the thread may finish its work.
    pub(crate) fn patience(&self) -> Duration {
        match self.command() {
            Command::Stop(_) => TIDY_LIMIT,
            Command::Run | Command::Pause => Duration::ZERO,
        }
    }

    /// Ends the thread from inside, when its work is done and nobody will command it.
    pub(crate) fn leave(&self) {
        self.set(Command::Pause);
    }

    /// Records that the thread has obeyed, and reads no other command. Returns `false` if it must
    /// run again.
    pub(crate) fn end(&self) -> bool {
        let mut state = self.state();
        state.has_ended = state.command != Command::Run;
        state.has_ended
    }

    #[cfg(test)]
    pub(crate) fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    /// Revokes the command to end. Returns `false` if the thread has already obeyed it.
    pub(crate) fn revoke(&self) -> bool {
        let mut state = self.state();
        state.command = Command::Run;
        !state.has_ended
    }
}
