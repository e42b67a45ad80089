//! The five metrics of dataClay, and the `DATACLAY_METRICS*` settings.

mod metrics;
pub mod settings;

pub use metrics::{DataClay, Role};
