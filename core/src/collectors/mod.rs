//! Ready-made collectors: this library's health, segments, the process, the `prometheus` crate.

pub mod health;
#[cfg(target_os = "linux")]
pub mod node;
#[cfg(feature = "process")]
pub mod process;
#[cfg(feature = "prometheus")]
pub mod prometheus;
#[cfg(feature = "prometheus")]
mod prometheus_model;
#[cfg(target_os = "linux")]
pub mod segment;
