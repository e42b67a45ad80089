//! Counts: a block of words for each thread, and the sums over all blocks.
//!
//! From the top down: a counter has a `sum`, and a histogram has `cells`. `read` returns the sums
//! of counters. `claim` gets the calling thread a block, which `thread_block` then finds. `store`
//! owns the blocks of all threads, and describes how they are claimed, written, handed on and
//! summed. `spans` knows which slots are open. `block` and `shared` are the two kinds of block, and
//! `memory` is the source of them. `choice` decides where the process counts: in private memory or
//! in a `segment`. `place` is the place of the counts of one metric, `created` is their start time,
//! and `word` is the place of a gauge. `resets` knows which counters were reset. `sizes` has the
//! sizes of blocks.

pub(crate) mod block;
pub(crate) mod cells;
pub(crate) mod choice;
pub(crate) mod claim;
pub(crate) mod created;
pub(crate) mod memory;
pub(crate) mod place;
pub(crate) mod read;
pub(crate) mod resets;
pub(crate) mod segment;
pub(crate) mod shared;
pub(crate) mod sizes;
pub(crate) mod spans;
pub(crate) mod store;
pub(crate) mod sum;
pub(crate) mod thread_block;
pub(crate) mod word;
