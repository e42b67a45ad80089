//! A thread that is waited for, but never for ever.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::Error;

/// A running thread of ours, and what it will return.
#[derive(Debug)]
pub(crate) struct Worker<T> {
    handle: JoinHandle<()>,
    returned: Receiver<T>,
}

impl<T: Send + 'static> Worker<T> {
    /// Starts `run` on a thread of this name (15 bytes are what the system shows).
    pub(crate) fn spawn(
        name: &'static str,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Worker<T>, Error> {
        let (send, returned) = mpsc::channel();
        let body = move || {
            // An error means that nobody waits.
            let _ = send.send(run());
        };
        let spawned = thread::Builder::new().name(name.into()).spawn(body);
        let handle = spawned
            .map_err(|error| Error::System { what: "start a thread", reason: error.to_string() })?;
        Ok(Worker { handle, returned })
    }

    /// What the thread returned, `limit` waited for at the most; then calls `hurry` and waits for
    /// `grace`. `None` if it still runs, and is left to itself, or if it panicked.
    pub(crate) fn join_within(
        self,
        limit: Duration,
        hurry: impl FnOnce(),
        grace: Duration,
    ) -> Option<T> {
        let returned = self.returned.recv_timeout(limit).or_else(|error| {
            if error == RecvTimeoutError::Timeout {
                hurry();
            }
            self.returned.recv_timeout(grace)
        });
        if !matches!(returned, Err(RecvTimeoutError::Timeout)) {
            // Nothing is left to wait for. A panic was printed by the thread itself.
            let _ = self.handle.join();
        }
        returned.ok()
    }
}
