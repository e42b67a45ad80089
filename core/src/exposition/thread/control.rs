//! Commands to a thread of this crate: to run, to pause, to end by a deadline.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a thread may tidy up when it ends finally; a pause leaves no time for it.
const TIDY_LIMIT: Duration = Duration::from_millis(500);

/// A command to a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Go on.
    Run,
    /// End, to continue later.
    Pause,
    /// End finally; the remaining work must be over by then.
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
    /// The next wait, or the present one, ends at once.
    is_woken: bool,
}

impl Control {
    /// Makes the control of a thread that runs.
    pub(crate) fn new() -> Control {
        let state = State { command: Command::Run, has_ended: false, is_woken: false };
        Control { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Commands a task that runs on the thread of the caller to do its last work.
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

    /// Waits until `deadline`, until [`Control::wake`], or until the command is another than to
    /// run. Returns the command.
    pub(crate) fn wait_until(&self, deadline: Instant) -> Command {
        let left = deadline.saturating_duration_since(Instant::now());
        let waits = |state: &mut State| state.command == Command::Run && !state.is_woken;
        let waited = self.changed.wait_timeout_while(self.state(), left, waits);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.is_woken = false;
        state.command
    }

    /// Ends a wait. The command stays.
    pub(crate) fn wake(&self) {
        self.state().is_woken = true;
        self.changed.notify_all();
    }

    /// Commands the thread. If it waits for something else, the caller must interrupt that.
    pub(crate) fn set(&self, command: Command) {
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
    pub(crate) fn end(&self) -> bool {
        let mut state = self.state();
        state.has_ended = state.command != Command::Run;
        state.has_ended
    }

    #[cfg(test)]
    pub(crate) fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    /// Revokes the command to end. Returns `false` if the thread has followed it already.
    pub(crate) fn revoke(&self) -> bool {
        let mut state = self.state();
        state.command = Command::Run;
        !state.has_ended
    }
}
