//! How long blocks are: apart from them, because the models in `tests/rust/loom.rs` have tiny ones.

/// Words that every block has from the start: 512 bytes, enough for a service's plain counters.
pub(crate) const FIRST: usize = 64;
/// Further segments of a block, each twice as long as the one before: room for 2^26 counters.
pub(crate) const SEGMENTS: usize = 20;
/// Blocks that are made at once.
pub(crate) const GROUP: usize = 16;
