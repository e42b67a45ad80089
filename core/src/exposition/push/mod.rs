//! Pushing to a Pushgateway.

pub(crate) mod address;
pub(crate) mod client;
pub(crate) mod connector;
pub(crate) mod destination;
pub(crate) mod exporter;
pub(crate) mod gateway;
pub(crate) mod grouping_key;
pub(crate) mod instance;
pub(crate) mod pusher;
pub(crate) mod resolver;
