//! Lock-free counters for hot paths, and their way to Prometheus.
//!
//! A count travels one way: an increment lands in the calling thread's own word, a gather sums the
//! words, an encoder writes the sum, and the scrape endpoint or the push thread sends it.
//!
//! ```text
//! Counter, Gauge -> Registry -> encode -> exposition::http | exposition::push
//! ```
//!
//! ```
//! use dataclay_metrics_core::{Counter, Registry, encode::Format};
//!
//! let registry = Registry::new();
//! let requests = Counter::new("requests", "Requests served")?;
//! registry.register(&requests)?;
//!
//! std::thread::scope(|scope| {
//!     for _ in 0..4 {
//!         scope.spawn(|| (0..1_000).for_each(|_| requests.inc()));
//!     }
//! });
//! assert!(registry.encode(Format::Text).ends_with("requests_total 4000\n"));
//! # Ok::<(), dataclay_metrics_core::Error>(())
//! ```
//!
//! # Features
//!
//! On by default: `http` (the scrape endpoint), `push` (the Pushgateway client), `gzip` (for both),
//! and `prometheus` (the bridge to the `prometheus` crate, and the `process_*` families). Off:
//! `https` (gateways behind TLS), and `tlsdesc`, for shared libraries whose callers count in C
//! (`thread_block.rs` says when it helps).
#![deny(unsafe_code)]

mod block;
mod blocks;
mod callback;
mod children;
mod counter;
pub mod dataclay;
mod desc;
pub mod encode;
mod entries;
mod error;
#[cfg(any(feature = "http", feature = "push"))]
pub mod exposition;
mod family;
pub mod fork;
mod gauge;
pub mod health;
mod info;
mod labels;
mod locks;
mod metric;
mod names;
#[cfg(feature = "prometheus")]
mod process;
#[cfg(feature = "prometheus")]
pub mod prometheus;
mod recent;
mod registry;
pub mod settings;
mod sharded;
mod sizes;
mod snapshot;
mod sync;
mod texts;
mod thread_block;
mod words;

pub use callback::Callback;
pub use counter::Counter;
pub use desc::{Desc, Kind};
pub use error::Error;
pub use family::Family;
pub use gauge::Gauge;
pub use info::Info;
pub use labels::Labels;
pub use metric::Metric;
pub use registry::{Collector, Registry};
pub use settings::Settings;
pub use snapshot::{MetricFamily, Sample, Samples, Value};
