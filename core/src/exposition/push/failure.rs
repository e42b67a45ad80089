//! A push that failed.

use std::time::Duration;

use crate::model::error::Error;

/// The reason why a push failed, and what the server requests for the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PushFailure {
    pub(crate) error: Error,
    /// Whether the same push may succeed later, and how long the server asks clients to wait
    /// (Retry-After).
    pub(crate) retry_after: Option<Duration>,
}

impl PushFailure {
    /// Returns whether the request was sent and has no response. The server may then accept it at
    /// any time, even after the next one.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(self.error, Error::Push { is_unanswered: true, .. })
    }
}

impl From<Error> for PushFailure {
    /// Creates a failure without a request of the server, so the thread decides when to push next.
    fn from(error: Error) -> PushFailure {
        PushFailure { error, retry_after: None }
    }
}
