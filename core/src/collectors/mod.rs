//! Ready-made collectors: this library's health, the process, the `prometheus` crate.

pub mod health;
#[cfg(feature = "process")]
pub mod process;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(feature = "prometheus")]
mod prometheus_model;
