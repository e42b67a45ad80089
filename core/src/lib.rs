//! Lock-free metrics for hot paths, exported to Prometheus and its Pushgateway.
//!
//! An increment adds to a word that only its thread writes. A gather sums the words of all threads.
//! An encoder writes the sums, and the scrape endpoint or the push thread sends them.
//!
//! ```text
//! Counter, Gauge, Histogram, ... -> Registry -> encode -> exposition
//! ```
//!
//! # Example
//!
//! ```
//! use dataclay_metrics_core::{Counter, Family, Gauge, Opts, Registry, encode::Format};
//!
//! let registry = Registry::new();
//! let requests = Counter::new("requests", "Requests served")?;
//! registry.register(&requests)?;
//! let lengths = Opts::new("queue_length", "Jobs that wait").max_children(100);
//! let lengths = Family::<Gauge>::with_opts(lengths, ["queue"])?;
//! registry.register(&lengths)?;
//!
//! std::thread::scope(|scope| {
//!     for _ in 0..4 {
//!         scope.spawn(|| (0..1_000).for_each(|_| requests.inc()));
//!     }
//! });
//! lengths.with_labels(["mail"])?.set(7.0);
//!
//! let text = registry.encode(Format::Text);
//! assert!(text.contains("\nrequests_total 4000\n"));
//! assert!(text.ends_with("\nqueue_length{queue=\"mail\"} 7\n"));
//! # Ok::<(), dataclay_metrics_core::Error>(())
//! ```
//!
//! # Public types, by theme
//!
//! | theme | types |
//! |---|---|
//! | metrics | [`Counter`], [`Gauge`], [`Histogram`], [`Summary`], [`StateSet`], [`Info`]; [`Timer`] |
//! | families and options | [`Family`] of any [`Metric`]; [`Opts`], [`GaugeMerge`], [`Buckets`], [`NativeBuckets`], [`HistogramOptions`], [`States`] |
//! | descriptions | [`Desc`], [`Kind`], [`Labels`]; the rules of [`names`] |
//! | registry | [`Registry`], [`Collector`], [`Callback`] |
//! | snapshot of a gather | [`MetricFamily`], [`Samples`], [`Sample`], [`Value`], [`Timestamp`], [`Exemplar`], [`NativeHistogram`] |
//! | encoders | the module [`encode`] |
//! | scrape endpoint and pushes | the module `exposition` |
//! | ready-made collectors | [`health`], `process`, `prometheus` |
//! | start times | [`began_at`] |
//! | counts that outlive their process | the modules `segment` and `node` |
//! | dataClay's metrics and settings | [`dataclay`], [`Settings`] |
//! | forks | the module [`fork`] |
//! | errors | [`Error`] |
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `http` | yes | the scrape endpoint |
//! | `push` | yes | pushes to a Pushgateway, and by OTLP over HTTP |
//! | `gzip` | yes | compressed bodies for scrapes and pushes |
//! | `process` | yes | the `process_*` families |
//! | `prometheus` | yes | the bridge to and from the `prometheus` crate |
//! | `https` | no | Pushgateways and OTLP endpoints behind TLS |
//! | `tlsdesc` | no | faster increments from shared libraries, by TLS descriptors |
#![deny(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("dataclay-metrics needs Linux");

mod collectors;
mod count;
pub mod dataclay;
mod diagnostics;
pub mod encode;
#[cfg(feature = "exposition")]
pub mod exposition;
pub mod fork;
mod metrics;
mod model;
mod registry;
pub mod segment;
pub mod settings;
mod sync;

pub use collectors::health;
pub use collectors::node;
#[cfg(feature = "process")]
pub use collectors::process;
#[cfg(feature = "prometheus")]
pub use collectors::prometheus;
pub use count::created::began_at;
pub use metrics::buckets::Buckets;
pub use metrics::counter::Counter;
pub use metrics::family::Family;
pub use metrics::gauge::Gauge;
pub use metrics::histogram::{Histogram, HistogramOptions};
pub use metrics::info::Info;
pub use metrics::metric::Metric;
pub use metrics::opts::Opts;
pub use metrics::state_set::{StateSet, States};
pub use metrics::summary::Summary;
pub use metrics::timer::Timer;
pub use model::desc::Desc;
pub use model::error::Error;
pub use model::exemplar::Exemplar;
pub use model::kind::Kind;
pub use model::labels::Labels;
pub use model::merge::GaugeMerge;
pub use model::names;
pub use model::native::{NativeBuckets, NativeHistogram};
#[doc(hidden)]
pub use model::printable::{one_line, without_secrets};
pub use model::sample::Sample;
pub use model::samples::Samples;
pub use model::snapshot::MetricFamily;
pub use model::time::Timestamp;
pub use model::value::Value;
pub use registry::Registry;
#[doc(hidden)]
pub use registry::call::{Call, Door};
pub use registry::callback::Callback;
pub use registry::collector::Collector;
#[doc(hidden)]
pub use registry::running::follow_fibers;
pub use settings::Settings;
#[doc(hidden)]
pub use sync::uncancelled::Uncancelled;
