//! Where blocks come from: the memory that their words lie in.

use crate::count::block::Block;

/// A source of blocks.
pub(crate) trait Memory: Sync {
    /// Returns an empty block that no other caller has, or `None` if there is no room for one.
    fn block(&self) -> Option<&'static Block>;
}

/// Memory of this process alone, an anonymous mapping for each block.
///
/// A mapping starts as zeros and takes RAM page by page, when a page is first written to. Nothing is
/// allocated on the heap, so the claim of a block never enters the allocator.
pub(crate) struct Anonymous;

#[cfg(not(miri))]
impl Memory for Anonymous {
    #[allow(unsafe_code, reason = "a mapping is bytes; see the SAFETY comment")]
    fn block(&self) -> Option<&'static Block> {
        let options = memmap2::MmapOptions::new().len(size_of::<Block>()).no_reserve_swap().clone();
        let mapping = options.map_anon().ok()?;
        // Else the first word that is written to could take a huge page, 2 MiB of RAM. An error
        // means that the kernel has none.
        #[cfg(target_os = "linux")]
        let _ = mapping.advise(memmap2::Advice::NoHugePage);
        let mapping = memmap2::MmapRaw::from(mapping);
        let block = mapping.as_mut_ptr().cast::<Block>();
        // Blocks are handed on, never freed.
        std::mem::forget(mapping);
        // SAFETY: the mapping is as long as a block, and never unmapped. It starts with a page, which
        // is aligned more strictly than a block. Its bytes are zeros, which are a valid block. From
        // here on it is reached by shared references alone, and all fields are atomics.
        Some(unsafe { &*block })
    }
}

#[cfg(miri)]
impl Memory for Anonymous {
    fn block(&self) -> Option<&'static Block> {
        Some(Box::leak(Box::new(Block::new())))
    }
}
