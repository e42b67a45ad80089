//! The thread that pushes, and the destinations that it pushes to.
//!
//! `exporter` starts and stops the thread, `pusher` is its work, and `schedule` decides when it
//! pushes. `turn` orders the pushes of several processes to one group. A `destination` encodes and
//! sends: `gateway` or `otlp`. A `client` prepares the HTTP request, which is a `call`, over a
//! `connector` and with a `resolver` that a fork can cut off. `tls` encrypts it with the TLS of the
//! host program, `rustls` with the feature `https`.

pub(crate) mod address;
pub(crate) mod call;
pub(crate) mod client;
pub(crate) mod connector;
pub(crate) mod destination;
pub(crate) mod exporter;
pub(crate) mod failure;
pub(crate) mod gateway;
pub(crate) mod grouping_key;
pub(crate) mod otlp;
mod partial_success;
pub(crate) mod pusher;
pub(crate) mod resolver;
mod retry_after;
#[cfg(feature = "https")]
mod rustls;
mod schedule;
pub(crate) mod segment;
pub(crate) mod tls;
mod turn;
