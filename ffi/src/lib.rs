//! The C ABI. Its documentation is the header, `include/dataclay_metrics.h`.
//!
//! Each C type has its file. `boundary` has the shared parts: the macro that exports functions, the
//! panic guard, and the types of pointers from C. The metric types are in `metrics`. Handles are
//! references to types of core, or boxes of them, and NULL is `None`. Only `boundary` has unsafe
//! code.

#[macro_use]
mod boundary;
mod dataclay;
mod error;
mod exporter;
mod gateway;
mod logging;
mod metrics;
mod otlp;
mod registry;
mod status;
mod version;
