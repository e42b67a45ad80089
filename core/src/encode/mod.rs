//! Snapshot to bytes: pure functions that cannot fail and do no I/O.
//!
//! Names and labels were checked when their metrics were made, so every snapshot can be written.

mod text;

#[cfg(feature = "prometheus")]
pub(crate) use text::number;
pub use text::{CONTENT_TYPE, text, text_into};
