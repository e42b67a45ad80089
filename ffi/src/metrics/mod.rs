//! The metric types of C, one file each. `metric` holds what all of them share.

#[macro_use]
mod metric;
mod counter;
mod gauge;
mod histogram;
mod info;
mod state_set;
mod summary;
