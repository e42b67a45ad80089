//! How long blocks are. A file of its own, because the models in `tests/rust/loom.rs` use tiny ones.

/// Words of each kind in a thread's block, which then takes a page less than 2 MiB of the address space. Slots beyond
/// are counted in the shared block. `docs/decisions/02-rows-of-words.md` says why so many.
pub(crate) const WORDS: usize = if cfg!(miri) { 1 << 8 } else { (1 << 17) - (1 << 9) };
/// Slots in the first segment of the shared block, a power of two.
pub(crate) const FIRST: usize = 64;
/// Segments of the shared block. Each further one doubles it: room for 2^26 slots.
pub(crate) const SEGMENTS: usize = 21;
/// Threads whose places are allocated together.
pub(crate) const GROUP: usize = 16;
