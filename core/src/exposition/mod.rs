//! Exports registries: serves scrapes, pushes to a Pushgateway, sends OTLP.
//!
//! | item | feature | what it does |
//! |---|---|---|
//! | [`Exporter`] | | is the exporter that [`Settings`](crate::Settings) choose |
//! | `HttpExporter` | `http` | serves scrapes and a live page, on its own thread |
//! | `negotiate` | `http` | finds the format that a request prefers |
//! | `PORT_RANGE` | `http` | is the number of ports that an endpoint tries |
//! | `PushExporter` | `push` | pushes on its own thread: at once, at each interval, and at its stop |
//! | `Gateway` | `push` | makes one request to a Pushgateway: push, push-add, delete |
//! | `GroupingKey` | `push` | names the group of a gateway |
//! | `OtlpEndpoint` | `push` | sends one request by OTLP over HTTP |
//! | `Tls`, `provide_tls` | `push` | make requests over https use the TLS of the program |
//! | `default_instance` | `push` | returns `host:pid` |
//! | [`attach_segment`] and others | | request the segment of the settings |

// Only the files of this folder use sockets and start threads:
//
// - `exporter`: the exporter that the settings choose;
// - `scrape/`: the endpoint that Prometheus scrapes; `server` shows how one GET is served;
// - `push/`: the thread that pushes, and the destinations that it pushes to;
// - `thread/`: threads that a stop and a fork end in bounded time, and the gather under a deadline;
// - `segment`: the segment that the settings name;
// - `siblings`: the other processes of the segment: turns, and shared records;
// - `gzip`: compressed bodies;
// - `instance`: the default `instance` of a process;
// - `limits`: the maximum duration.

mod exporter;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "push")]
mod instance;
mod limits;
#[cfg(feature = "push")]
mod push;
#[cfg(feature = "http")]
mod scrape;
mod segment;
mod siblings;
mod thread;

pub use exporter::Exporter;
#[cfg(feature = "push")]
pub use instance::default_instance;
#[doc(hidden)]
pub use limits::LONGEST;
#[cfg(feature = "push")]
pub use push::exporter::PushExporter;
#[cfg(feature = "push")]
pub use push::gateway::Gateway;
#[cfg(feature = "push")]
pub use push::grouping_key::GroupingKey;
#[cfg(feature = "push")]
pub use push::otlp::OtlpEndpoint;
#[cfg(feature = "push")]
pub use push::segment::push_segment;
#[cfg(feature = "push")]
pub use push::tls::{Action, Step, Tls, TlsContext, TlsSession, provide_tls};
#[cfg(feature = "http")]
pub use scrape::exporter::HttpExporter;
#[cfg(feature = "http")]
pub use scrape::listen::PORT_RANGE;
#[cfg(feature = "http")]
pub use scrape::negotiate;
#[cfg(all(fuzzing, feature = "http"))]
#[doc(hidden)]
pub use scrape::route::exchange;
pub use segment::{
    attach_segment, request_segment, request_segment_at_first_count, segment_instance,
};
pub use thread::logging::{warn_later, write_last_notes, write_notes_on_a_thread};
