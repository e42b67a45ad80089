//! Where a push thread sends what it read, and in which form.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::exposition::push::client::Call;
use crate::model::error::Error;
use crate::registry::Registry;

/// A server that takes metrics. The push thread decides when to push; all else is decided here: the
/// encoding, the URL, the request, and what an answer means.
///
/// One push is `prepare`, `encode`, `send`. They are three so that another thread can cut the push
/// off from its beginning on, while the registry is still read.
pub(crate) trait Destination: fmt::Debug + Send + Sync {
    /// Returns the URL that errors and log lines name. It holds no credentials.
    fn url(&self) -> String;

    /// Prepares one push, whose sending takes `limit` at most.
    fn prepare(&self, limit: Duration) -> Call;

    /// Encodes what the registry holds now: the body of one push.
    fn encode(&self, registry: &Registry) -> Vec<u8>;

    /// Sends one body. A body is never sent twice: the next push encodes a new one.
    fn send(&self, call: &Call, body: Vec<u8>) -> Result<(), Failure>;

    /// Deletes what was pushed, within `limit`, where the server can delete.
    fn delete(&self, limit: Duration) -> Result<(), Error>;

    /// Returns the destination of a forked child: the same server, an identity of the child's own.
    fn for_child(&self, parent: u32, child: u32) -> Result<Arc<dyn Destination>, Error>;
}

/// Why a push failed, and what that says of the next one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// The time for which the server asked not to be sent anything (Retry-After).
    pub(crate) retry_after: Option<Duration>,
}

impl From<Error> for Failure {
    /// A failure after which the thread retries in its own time.
    fn from(error: Error) -> Failure {
        Failure { error, retry_after: None }
    }
}
