//! Where counts live: one block of words for each thread, and their sums.

pub(crate) mod block;
pub(crate) mod events;
pub(crate) mod sizes;
pub(crate) mod store;
pub(crate) mod sum;
pub(crate) mod thread_block;
pub(crate) mod words;
