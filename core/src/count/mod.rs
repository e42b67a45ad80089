//! Where counts live: a block of words for each thread, and the sums over all blocks.
//!
//! Top-down: `sum` is what a counter holds; `store` owns the blocks of all threads, and describes
//! how they are claimed, written, handed on and summed; `block` and `shared` are the two kinds of
//! block; `memory` is where blocks come from; `thread_block` finds the calling thread's block.

pub(crate) mod block;
pub(crate) mod events;
pub(crate) mod memory;
pub(crate) mod notes;
pub(crate) mod shared;
pub(crate) mod sizes;
pub(crate) mod store;
pub(crate) mod sum;
pub(crate) mod thread_block;
