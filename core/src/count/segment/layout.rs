//! The layout of a segment. A change here needs a new [`VERSION`]. It is a part of the file's name,
//! so programs with different layouts never open each other's files.
#![cfg_attr(not(all(feature = "http", feature = "push")), allow(dead_code, reason = "exporters"))]

use crate::count::block::Block;
use crate::diagnostics::events::EVENTS;

/// The version of the layout.
pub(crate) const VERSION: u8 = 2;
/// The first word of each segment: "dcmcoun" in ASCII, and the version.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"dcmcoun\0") | (VERSION as u64) << 56;

/// The largest page size of Linux on x86-64, and in most builds for aarch64, divides this.
pub(crate) const PAGE: usize = 4096;

/// The words of the header.
pub(crate) mod header {
    pub(crate) const MAGIC: usize = 0;
    /// 1, sealed, once the header is complete.
    pub(crate) const READY: usize = 1;
    /// A random number, sealed, which distinguishes segments of one name.
    pub(crate) const ID: usize = 2;
    /// Two words that distinguish the file from a copy.
    pub(crate) const BIRTH: usize = 3;
    /// The length of the directory in words, sealed.
    pub(crate) const DIRECTORY: usize = 5;
    /// The number of blocks that were ever claimed, sealed.
    pub(crate) const BLOCKS: usize = 6;
    /// The time of the last push of any process, in milliseconds of Unix time.
    pub(crate) const PUSHED: usize = 7;
    /// The port at which a process serves scrapes, sealed, and its IPv6 address, two words.
    pub(crate) const SERVED: usize = 8;
    /// The start of the push without a response, in milliseconds of Unix time; 0 after the
    /// response. If no process has the turn, its sender has ended. The server may process that push
    /// at any time.
    pub(crate) const PUSHING: usize = 11;
    /// The record of the last gauge that was appended, sealed; 0 before the first.
    pub(crate) const LAST_GAUGE: usize = 12;
    /// The record of the labels under which the counts are exported.
    pub(crate) const EXPORTED: usize = 16;
}

/// The first head of the index.
pub(crate) const INDEX: usize = PAGE / 8;
/// The heads of the index: one for ten of the series that fit. They take four pages, and a look-up
/// among 10,000 series takes about five steps.
pub(crate) const HEADS: usize = 2048;
/// The first word of the directory.
pub(crate) const DIRECTORY: usize = INDEX + HEADS;
/// The first byte of the blocks. The directory before it has room for about 100,000 series.
pub(crate) const BLOCKS: usize = 32 << 20;
/// The maximum length of the directory, in words.
pub(crate) const MAX_DIRECTORY: usize = BLOCKS / 8 - DIRECTORY;
/// The maximum number of blocks, which bounds live threads and processes.
pub(crate) const MAX_BLOCKS: usize = 4096;

/// The header of each block, in words.
pub(crate) mod block_header {
    /// The number of words of each row that can be used, sealed. Room is reserved before this is
    /// stored.
    pub(crate) const ROOM: usize = 0;
    /// The events of the processes that had this as their process block, one word for each kind.
    /// The word before them is free.
    pub(crate) const EVENTS: usize = 2;
    /// The number of words.
    pub(crate) const WORDS: usize = 16;
}

/// The distance between blocks: a page more than 2 MiB, for the reason in `memory.rs`.
const STRIDE: usize = (2 << 20) + PAGE;
/// The largest distance of a block from its header, in steps of a block's alignment, as in
/// `memory.rs`.
const SHIFTS: usize = 31;
const SHIFT: usize = align_of::<Block>();

/// The bytes of a segment, all of which are mapped. Most are never touched and take no RAM.
pub(crate) const SIZE: usize = BLOCKS + MAX_BLOCKS * STRIDE;

const _: () = assert!(
    block_header::WORDS * 8 == SHIFT
        && block_header::EVENTS + EVENTS <= block_header::WORDS
        && SHIFT * (1 + SHIFTS) + size_of::<Block>() <= STRIDE
        && BLOCKS % PAGE == 0
);

/// Returns the place of a block's header in bytes. `block` is less than [`MAX_BLOCKS`].
pub(crate) const fn block_header(block: usize) -> usize {
    BLOCKS + block * STRIDE
}

/// Returns the place of a block in bytes.
pub(crate) const fn block(block: usize) -> usize {
    block_header(block) + SHIFT * (1 + block % SHIFTS)
}

/// The bytes that are locked, and the meaning of each lock. They are far beyond the end of the
/// file, so no lock covers data.
pub(crate) mod lock {
    /// The holder changes the directory, or writes the header.
    pub(crate) const DIRECTORY: u64 = 1 << 60;
    /// The holder has the turn whose number is added to this byte: it pushes, or serves scrapes.
    pub(crate) const TURNS: u64 = DIRECTORY + 1;
    /// The holder has claimed the block whose number is added to this byte.
    pub(crate) const CLAIM: u64 = DIRECTORY + (1 << 20);
    /// The holder's gauges are in the block whose number is added to this byte.
    pub(crate) const GAUGES: u64 = DIRECTORY + (2 << 20);
}
