//! The turn to push. Processes that share a group push one by one, so that no older sum replaces a
//! newer one.

use std::thread;
use std::time::{Duration, Instant};

use crate::exposition::push::destination::Destination;
use crate::exposition::push::failure::PushFailure;
use crate::exposition::siblings::{self, Taken, Turn};
use crate::model::error::Error;

/// The time after which a process checks again whether the turn is free. A push takes milliseconds.
const INTERVAL: Duration = Duration::from_millis(5);

/// Whether a process may push now.
pub(crate) enum PushTurn {
    /// No other process pushes to the group.
    Alone,
    /// No other process pushes until this is dropped.
    Taken(#[expect(dead_code, reason = "held")] Taken),
}

impl PushTurn {
    /// Takes the turn to push to `destination`. Returns `None` if a sibling is pushing there.
    pub(crate) fn try_take(destination: &dyn Destination) -> Option<PushTurn> {
        if destination.is_shared() {
            Turn::Push.try_take().map(PushTurn::Taken)
        } else {
            Some(PushTurn::Alone)
        }
    }

    /// Takes the turn to push to `destination`. Waits until `deadline` for siblings that are
    /// pushing.
    ///
    /// # Errors
    ///
    /// [`Error::Push`] if one is still pushing then.
    pub(crate) fn take_until(
        destination: &dyn Destination,
        deadline: Instant,
    ) -> Result<PushTurn, Error> {
        loop {
            if let Some(turn) = PushTurn::try_take(destination) {
                return Ok(turn);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let reason = "another process pushes: its next push has these counts".to_owned();
                let url = destination.url();
                return Err(Error::Push { url, status: None, is_unanswered: false, reason });
            }
            thread::sleep(left.min(INTERVAL));
        }
    }

    /// Calls `send`, which makes the request of a push, and records its result for the siblings.
    pub(crate) fn push(
        &self,
        send: impl FnOnce() -> Result<(), PushFailure>,
    ) -> Result<(), PushFailure> {
        let PushTurn::Taken(_) = self else { return send() };
        siblings::note_request();
        let pushed = send();
        if !pushed.as_ref().is_err_and(PushFailure::is_unanswered) {
            siblings::note_response();
        }
        if pushed.is_ok() {
            siblings::note_push();
        }
        pushed
    }

    /// Returns how long ago a sibling began a push that it abandoned, or during which it was
    /// killed. The server may still accept it.
    pub(crate) fn unanswered(&self) -> Option<Duration> {
        match self {
            PushTurn::Alone => None,
            PushTurn::Taken(_) => siblings::unanswered_push(),
        }
    }

    /// Calls `read` as if this process had ended. So after the last push, its gauges do not stay on
    /// the gateway, but the gauges of its siblings do.
    pub(crate) fn read_last<R>(&self, read: impl FnOnce() -> R) -> R {
        match self {
            PushTurn::Alone => read(),
            PushTurn::Taken(_) => {
                siblings::leave();
                siblings::without_own_gauges(read)
            }
        }
    }
}
