//! The metric types that users hold.

pub(crate) mod buckets;
pub(crate) mod counter;
pub(crate) mod exemplars;
pub(crate) mod family;
pub(crate) mod gauge;
pub(crate) mod histogram;
pub(crate) mod index;
pub(crate) mod info;
pub(crate) mod metric;
pub(crate) mod opts;
pub(crate) mod owned;
pub(crate) mod recent;
pub(crate) mod state_set;
pub(crate) mod summary;
pub(crate) mod timer;
