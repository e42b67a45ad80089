//! Plain data: what a metric is called, what a reader sees of it, and what can be wrong with either.

pub(crate) mod desc;
pub(crate) mod error;
pub(crate) mod labels;
pub(crate) mod names;
pub(crate) mod snapshot;
pub(crate) mod texts;
