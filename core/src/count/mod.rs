//! Where counts live: a block of words for each thread, and the sums over all blocks.
//!
//! Top-down: `sum` is what a counter holds, and `cells` what a histogram holds; `store` owns the
//! blocks of all threads, and describes how they are claimed, written, handed on and summed;
//! `spans` knows which slots are open. `block` and `shared` are the two kinds of block; `memory` is
//! where blocks come from; `thread_block` finds the calling thread's block. `choice` is where the
//! process counts: in private memory or in a `segment`; `place` is where one metric's counts are
//! then, and since when, which is its time `created`; `word` is where a gauge is.
//! `resets` knows which counters were reset.

pub(crate) mod block;
pub(crate) mod cells;
pub(crate) mod choice;
pub(crate) mod created;
pub(crate) mod events;
pub(crate) mod memory;
pub(crate) mod notes;
pub(crate) mod place;
pub(crate) mod resets;
pub(crate) mod segment;
pub(crate) mod shared;
pub(crate) mod sizes;
pub(crate) mod spans;
pub(crate) mod store;
pub(crate) mod sum;
pub(crate) mod thread_block;
pub(crate) mod word;
