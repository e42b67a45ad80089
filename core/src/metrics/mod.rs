//! The metric types that users hold.

pub(crate) mod counter;
pub(crate) mod family;
pub(crate) mod gauge;
pub(crate) mod info;
pub(crate) mod metric;
pub(crate) mod opts;
