//! The scrape endpoint.

mod accepted;
pub(crate) mod connection;
pub(crate) mod connections;
pub(crate) mod exporter;
pub(crate) mod large;
pub(crate) mod listen;
mod listening;
pub mod negotiate;
pub(crate) mod page;
pub(crate) mod request;
pub(crate) mod responder;
pub(crate) mod response;
pub(crate) mod route;
pub(crate) mod scrapes;
pub(crate) mod selection;
pub(crate) mod server;
mod takeover;
pub(crate) mod timeouts;
