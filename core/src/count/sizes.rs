//! The sizes of blocks. A separate file, because the models in `tests/rust/loom` replace it.

/// The number of words in each row of a thread's block. The shared block counts in all further
/// slots. `docs/decisions/02-rows-of-words.md` has the reasons for the size.
pub(crate) const WORDS: usize = if cfg!(miri) { 1 << 8 } else { (1 << 17) - (1 << 9) };
/// Slots in the first part of the shared block, a power of two.
pub(crate) const FIRST: usize = 64;
/// Parts of the shared block. Each further one doubles it: room for 2^26 slots.
pub(crate) const PARTS: usize = 21;
/// The slots whose words are returned to the system together, when none of the slots is in use:
/// eight pages of each row.
pub(crate) const RUN: usize = 1 << 12;
/// The number of slots of a run that must be opened before its words are returned to the system. So
/// creating and dropping one counter repeatedly makes no system call.
pub(crate) const OPENED_BEFORE: u32 = 1 << 9;
/// The number of places for blocks that are allocated together.
pub(crate) const GROUP: usize = 16;
