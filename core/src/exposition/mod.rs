//! The ways in which bytes leave the process: the only files with sockets, threads and clocks.

mod exporter;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "push")]
mod push;
#[cfg(feature = "http")]
mod scrape;
mod thread;

pub use exporter::Exporter;
#[cfg(feature = "push")]
pub use push::exporter::PushExporter;
#[cfg(feature = "push")]
pub use push::gateway::Gateway;
#[cfg(feature = "push")]
pub use push::grouping_key::GroupingKey;
#[cfg(feature = "push")]
pub use push::instance::default_instance;
#[cfg(feature = "http")]
pub use scrape::exporter::{HttpExporter, PORT_RANGE};
#[cfg(feature = "http")]
pub use scrape::negotiate;

/// What only a fuzz target sees (`make fuzz`).
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    use crate::registry::Registry;

    /// The endpoint's answer to these bytes, if they are a whole request.
    pub fn answer(received: &[u8], registry: &Registry) -> Option<Vec<u8>> {
        let encode =
            |query: &str, format| super::scrape::negotiate::encode(registry, query, format);
        super::scrape::request::answer(received, encode)
    }
}

/// The target of every line that this crate logs.
const LOG_TARGET: &str = "dataclay_metrics";

/// A year: a longer limit or interval is taken as this, because a point in time beyond what the
/// clock can tell would be a panic.
#[cfg(feature = "push")]
const LONGEST: std::time::Duration = std::time::Duration::from_secs(31_536_000);
