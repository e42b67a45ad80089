//! Where a push thread sends its readings, and in which form.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::exposition::push::client::Call;
use crate::exposition::push::failure::Failure;
use crate::model::error::Error;
use crate::registry::Registry;

/// A server that takes metrics.
///
/// The push thread decides when to push. A destination decides all else: the encoding, the URL, the
/// request, and what a response means.
///
/// One push is `prepare`, `encode`, `send`. They are three calls so that another thread can cut the
/// push off while the registry is still read.
pub(crate) trait Destination: fmt::Debug + Send + Sync {
    /// Returns the URL that errors and log lines name. It holds no credentials.
    fn url(&self) -> String;

    /// Returns whether all processes that count in this one's segment push there, each the counts
    /// of all.
    fn is_shared(&self) -> bool;

    /// Prepares one push, whose sending takes `limit` at most.
    fn prepare(&self, limit: Duration) -> Call;

    /// Encodes what the registry holds now: the body of one push.
    fn encode(&self, registry: &Registry) -> Vec<u8>;

    /// Sends one body. A body is never sent twice: the next push encodes a new one.
    fn send(&self, call: &Call, body: Vec<u8>) -> Result<(), Failure>;

    /// Deletes what was pushed, within `limit`, where the server can delete.
    fn delete(&self, limit: Duration) -> Result<(), Error>;

    /// Returns the destination of a forked child: the same server under another identity.
    fn for_child(&self, parent: u32, child: u32) -> Result<Arc<dyn Destination>, Error>;
}
