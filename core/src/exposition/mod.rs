//! The ways in which bytes leave the process: the only files with sockets, threads and clocks.

#[cfg(feature = "push")]
mod address;
#[cfg(feature = "http")]
mod connection;
#[cfg(feature = "push")]
mod connector;
#[cfg(feature = "push")]
mod gateway;
mod gatherer;
#[cfg(feature = "push")]
mod grouping_key;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
pub mod negotiate;
#[cfg(feature = "push")]
mod push;
#[cfg(feature = "push")]
mod pusher;
#[cfg(feature = "http")]
mod request;
#[cfg(feature = "push")]
mod resolver;
#[cfg(feature = "http")]
mod server;
mod service;
mod worker;

#[cfg(feature = "push")]
pub use gateway::Gateway;
#[cfg(feature = "push")]
pub use grouping_key::GroupingKey;
#[cfg(feature = "http")]
pub use http::{HttpExporter, PORTS};
#[cfg(feature = "push")]
pub use push::PushExporter;

/// What only a fuzz target sees (`make fuzz`).
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    use crate::registry::Registry;

    /// The endpoint's answer to these bytes, if they are a whole request.
    pub fn answer(received: &[u8], registry: &Registry) -> Option<Vec<u8>> {
        let encode = |query: &str, format| super::negotiate::encode(registry, query, format);
        super::request::answer(received, encode)
    }
}

/// The target of every line that this crate logs.
const LOG_TARGET: &str = "dataclay_metrics";

/// A year: a longer limit or interval is taken as this, because a point in time beyond what the
/// clock can tell would be a panic.
#[cfg(feature = "push")]
const LONGEST: std::time::Duration = std::time::Duration::from_secs(31_536_000);
