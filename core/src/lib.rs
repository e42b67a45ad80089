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

mod collectors;
mod count;
pub mod dataclay;
pub mod encode;
#[cfg(feature = "exposition")]
pub mod exposition;
pub mod fork;
mod metrics;
mod model;
mod registry;
mod sync;

pub use collectors::health;
#[cfg(feature = "process")]
pub use collectors::process;
#[cfg(feature = "prometheus")]
pub use collectors::prometheus;
pub use dataclay::settings::{self, Settings};
pub use metrics::callback::Callback;
pub use metrics::counter::Counter;
pub use metrics::family::Family;
pub use metrics::gauge::Gauge;
pub use metrics::info::Info;
pub use metrics::metric::Metric;
pub use metrics::opts::Opts;
pub use model::desc::{Desc, Kind};
pub use model::error::Error;
pub use model::labels::Labels;
pub use model::snapshot::{MetricFamily, Sample, Samples, Value};
pub use registry::Registry;
pub use registry::collector::Collector;
