//! A push that failed.

use std::time::Duration;

use crate::model::error::Error;

/// The reason why a push failed, and the wishes of the server for the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Whether the same push may succeed later, and the time for which the server asked not to be
    /// sent anything (Retry-After).
    pub(crate) retry_after: Option<Duration>,
}

impl Failure {
    /// Returns whether the request was sent and has no response: the server may accept it at any
    /// time, even after the next one.
    pub(crate) fn is_unanswered(&self) -> bool {
        matches!(self.error, Error::Push { is_unanswered: true, .. })
    }
}

impl From<Error> for Failure {
    /// Creates a failure after which the thread decides alone when to push next.
    fn from(error: Error) -> Failure {
        Failure { error, retry_after: None }
    }
}
