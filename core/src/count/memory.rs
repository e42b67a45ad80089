//! Where blocks come from: the memory that their words lie in.

#[cfg(target_os = "linux")]
use memmap2::Advice;
use memmap2::{MmapOptions, MmapRaw};

use crate::count::block::Block;

/// A source of blocks.
pub(crate) trait Memory: Sync {
    /// Returns an empty block, the one with this number, or `None` if there is no room for it. Each
    /// number is asked for once.
    fn block(&self, number: usize) -> Option<&'static Block>;
}

/// Memory of this process alone, an anonymous mapping for each block.
///
/// A mapping starts as zeros and takes RAM page by page, when a page is first written to. Nothing is
/// allocated on the heap, so the claim of a block never enters the allocator.
pub(crate) struct Anonymous;

/// Distances from the start of a page at which blocks begin, each a block's alignment apart. If all
/// began on a page, a slot's words would share one set of the first-level cache, eight lines of a
/// page size apart, and a read over many blocks would evict what it reads.
const SHIFTS: usize = 32;
const SHIFT: usize = align_of::<Block>();
/// What a block takes of the address space: 2 MiB.
const LENGTH: usize = size_of::<Block>() + (SHIFTS - 1) * SHIFT;

#[cfg(not(miri))]
impl Memory for Anonymous {
    #[allow(unsafe_code, reason = "a mapping is bytes; see the SAFETY comment")]
    fn block(&self, number: usize) -> Option<&'static Block> {
        let mapping = MmapOptions::new().len(LENGTH).no_reserve_swap().map_anon().ok()?;
        // Else the first word that is written to could take a huge page, 2 MiB of RAM. An error
        // means that the kernel has none.
        #[cfg(target_os = "linux")]
        let _ = mapping.advise(Advice::NoHugePage);
        let mapping = MmapRaw::from(mapping);
        let block = mapping.as_mut_ptr().wrapping_add(number % SHIFTS * SHIFT).cast::<Block>();
        // Blocks are handed on, never freed.
        std::mem::forget(mapping);
        // SAFETY: the mapping is never unmapped, and long enough for a block behind any shift. It starts
        // with a page, which is aligned more strictly than a block, and shifts are multiples of a
        // block's alignment. Its bytes are zeros, which are a valid block. From here on only shared
        // references lead there, and all fields are atomics.
        Some(unsafe { &*block })
    }
}

#[cfg(miri)]
impl Memory for Anonymous {
    fn block(&self, _number: usize) -> Option<&'static Block> {
        Some(Box::leak(Box::new(Block::new())))
    }
}
