//! A segment's file in memory. All words are atomics: other processes change them at any time.
#![allow(unsafe_code, clippy::cast_ptr_alignment, reason = "see the SAFETY comments")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::slice;

use memmap2::{Advice, MmapOptions, MmapRaw};

use crate::count::block::Block;
use crate::count::segment::layout;
use crate::sync::AtomicU64;

/// The mapping of a whole segment.
///
/// If a page without room is touched, tmpfs allocates it. If tmpfs is full, the process ends. So
/// callers touch only reserved pages: the header, the directory up to its length, and each block up
/// to its room.
#[derive(Debug)]
pub(crate) struct Mapping(MmapRaw);

impl Mapping {
    /// Maps a file whose length is [`layout::SIZE`]; read-only unless `writable`.
    pub(crate) fn new(file: &File, writable: bool) -> io::Result<Mapping> {
        let mut options = MmapOptions::new();
        options.len(layout::SIZE).no_reserve_swap();
        let raw =
            if writable { options.map_raw(file)? } else { options.map_raw_read_only(file)? };
        // Errors mean that the kernel has no huge pages, or cannot exclude the mapping from a core
        // dump.
        let _ = raw.advise(Advice::NoHugePage);
        let _ = raw.advise(Advice::DontDump);
        Ok(Mapping(raw))
    }

    /// Maps the file again at the same address, through another open file description. A forked
    /// child needs this, because its copy of the mapping keeps the locks of its parent.
    pub(crate) fn remap(&self, file: &File) -> io::Result<()> {
        let (protection, flags) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_FIXED | libc::MAP_NORESERVE,
        );
        let descriptor = file.as_raw_fd();
        // SAFETY: replaces exactly the pages of this mapping by the same pages of the same file, in
        // one step. The child has no other thread. References into the mapping stay valid.
        let at = unsafe {
            libc::mmap(self.0.as_mut_ptr().cast(), layout::SIZE, protection, flags, descriptor, 0)
        };
        if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Returns the words of the header and of the directory.
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is longer, begins at a page, and lives as long as `self`. Any bytes
        // are valid atomics, and all accesses of this crate are atomic.
        unsafe { slice::from_raw_parts(self.at(0), layout::BLOCKS / 8) }
    }

    /// Returns the words before a block. `block` must be less than [`layout::MAX_BLOCKS`].
    pub(crate) fn block_header(&self, block: usize) -> &[AtomicU64] {
        assert!(block < layout::MAX_BLOCKS, "a block of the segment");
        // SAFETY: as above; the assertion and the one in `layout` keep it inside the mapping.
        unsafe {
            slice::from_raw_parts(self.at(layout::block_header(block)), layout::block_header::WORDS)
        }
    }

    /// Returns a block. `block` must be less than [`layout::MAX_BLOCKS`].
    pub(crate) fn block(&self, block: usize) -> &Block {
        assert!(block < layout::MAX_BLOCKS, "a block of the segment");
        // SAFETY: as above. The place is a multiple of a block's alignment from a page's start. Any
        // bytes are a valid block, all of whose fields are atomics.
        unsafe { &*self.at(layout::block(block)) }
    }

    fn at<T>(&self, byte: usize) -> *const T {
        self.0.as_ptr().wrapping_add(byte).cast()
    }
}
