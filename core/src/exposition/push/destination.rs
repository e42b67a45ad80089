//! The receiver of pushes: how readings are encoded and sent.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::exposition::push::call::Call;
use crate::exposition::push::failure::PushFailure;
use crate::model::error::Error;
use crate::registry::Registry;

/// A server that accepts metrics.
///
/// The push thread decides when to push. A destination decides everything else: the encoding, the
/// URL, the request, and the meaning of a response.
///
/// One push is `prepare`, `encode`, `send`. They are three calls so that another thread can cut the
/// push off while the registry is still read.
pub(crate) trait Destination: fmt::Debug + Send + Sync {
    /// Returns the URL for errors and log lines, without credentials.
    fn url(&self) -> String;

    /// Returns whether all processes that count in the segment of this process push to it, each the
    /// counts of all.
    fn is_shared(&self) -> bool;

    /// Prepares one push, whose request may take `limit`.
    fn prepare(&self, limit: Duration) -> Call;

    /// Encodes the registry, as the body of one push.
    fn encode(&self, registry: &Registry) -> Vec<u8>;

    /// Sends one body. No body is sent twice, because the next push encodes a new one.
    fn send(&self, call: &Call, body: Vec<u8>) -> Result<(), PushFailure>;

    /// Deletes the pushed metrics within `limit`, if the server can do that.
    fn delete(&self, limit: Duration) -> Result<(), Error>;

    /// Returns the destination of a forked child: the same server under another identity.
    fn for_child(&self, parent: u32, child: u32) -> Result<Arc<dyn Destination>, Error>;
}
