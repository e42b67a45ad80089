//! The scrape endpoint.

pub(crate) mod connection;
pub(crate) mod exporter;
pub mod negotiate;
pub(crate) mod request;
pub(crate) mod server;
