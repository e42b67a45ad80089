//! The C ABI. Its documentation is the header, `include/dataclay_metrics.h`.
//!
//! One file for each C type; `boundary` is what they share: the macro that exports, the panic
//! guard, and what pointers from C are here. Handles are references and boxes of core's own types,
//! NULL is `None`, so that no other file but `fork` needs unsafe code.

#[macro_use]
mod boundary;
mod counter;
mod dataclay;
mod exporter;
mod family;
mod gateway;
mod gauge;
mod logging;
mod registry;
mod status;
mod version;
