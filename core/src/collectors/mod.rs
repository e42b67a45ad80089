//! Ready-made collectors: this library's health, segments, the process, the `prometheus` crate.

pub mod health;
pub mod node;
#[cfg(feature = "process")]
pub mod process;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(feature = "prometheus")]
mod prometheus_model;
pub(crate) mod segment;
