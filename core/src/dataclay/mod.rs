//! The five metrics of dataClay, and the `DATACLAY_METRICS*` settings.

pub(crate) mod directory;
mod metrics;
pub(crate) mod otlp;
pub mod settings;
mod variable;

pub use directory::SegmentDirectory;
pub use metrics::{DataClay, Role};
