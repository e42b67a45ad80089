//! The memory that blocks are allocated in.

use memmap2::Advice;
use memmap2::{MmapOptions, MmapRaw};

use crate::count::block::Block;
use crate::sync::AtomicU64;

/// A source of blocks of one process. Tests use others than the product, [`Anonymous`].
pub(crate) trait Memory: Sync {
    /// Returns the block with this number, which is empty, or `None` if there is no room for it.
    /// Each number is requested once.
    fn block(&self, number: usize) -> Option<&'static Block>;

    /// Returns RAM to the system. The words must be in a block of this memory and zero, and nobody
    /// may write to them meanwhile. They are still zero afterwards.
    fn release(&self, _words: &[AtomicU64]) {}
}

/// Memory that only this process uses: an anonymous mapping for each block.
///
/// A mapping starts as zeros, and the first write to a page takes RAM for that page. The heap is
/// not involved, so claiming a block does not call the allocator.
pub(crate) struct Anonymous;

/// The largest distance of a block from the start of its page, in steps of a block's alignment.
/// Without such shifts, the words of one slot would compete for the few lines of one set of the
/// cache.
const SHIFTS: usize = 32;
const SHIFT: usize = align_of::<Block>();
/// The length of a mapping: a page less than 2 MiB. At 2 MiB, the same page of all blocks would
/// compete for one set of the TLB. And kernels would leave gaps to align the mappings.
const LENGTH: usize = size_of::<Block>() + (SHIFTS - 1) * SHIFT;

#[cfg(not(miri))]
impl Memory for Anonymous {
    #[allow(unsafe_code, clippy::cast_ptr_alignment, reason = "see the SAFETY comment")]
    fn block(&self, number: usize) -> Option<&'static Block> {
        if !fits(number, address_space()) {
            return None;
        }
        let mapping = MmapOptions::new().len(LENGTH).no_reserve_swap().map_anon().ok()?;
        // Without this, the first write could take a huge page of 2 MiB. An error means that the
        // kernel has no huge pages.
        let _ = mapping.advise(Advice::NoHugePage);
        let mapping = MmapRaw::from(mapping);
        let block = mapping.as_mut_ptr().wrapping_add(number % SHIFTS * SHIFT).cast::<Block>();
        // Blocks are reused, never freed.
        std::mem::forget(mapping);
        // SAFETY: the mapping is never unmapped, and long enough for a block behind any shift. It
        // starts with a page, which is aligned more strictly than a block, and shifts are multiples
        // of a block's alignment. Its bytes are zeros, which are a valid block. After this, only
        // shared references point to it, and all fields are atomics.
        Some(unsafe { &*block })
    }

    #[allow(unsafe_code, reason = "see the SAFETY comment")]
    fn release(&self, words: &[AtomicU64]) {
        let page = page_size();
        let before = words.as_ptr().addr().next_multiple_of(page) - words.as_ptr().addr();
        let Some(rest) = size_of_val(words).checked_sub(before) else { return };
        let first = words.as_ptr().wrapping_byte_add(before).cast_mut().cast();
        // SAFETY: these are whole pages of a private mapping that is never unmapped. After the call
        // they are zeros, as before it. An error means that they keep their RAM.
        unsafe { libc::madvise(first, rest / page * page, libc::MADV_DONTNEED) };
    }
}

/// miri does not support mappings.
#[cfg(miri)]
impl Memory for Anonymous {
    fn block(&self, _number: usize) -> Option<&'static Block> {
        Some(Box::leak(Box::new(Block::new())))
    }
}

/// Returns the bytes of a page of memory.
#[allow(unsafe_code, reason = "sysconf exists as a C function only")]
pub(crate) fn page_size() -> usize {
    // SAFETY: sysconf reads nothing from this process.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Returns whether the program has enough address space left after one more block. All blocks
/// together may take an eighth of it.
fn fits(blocks: usize, address_space: u64) -> bool {
    (blocks as u64 + 1) * LENGTH as u64 <= address_space / 8
}

/// Returns how much address space `ulimit -v` and `ulimit -d` allow the process.
#[cfg(not(miri))]
#[allow(unsafe_code, reason = "getrlimit exists as a C function only")]
fn address_space() -> u64 {
    let limit = |resource| {
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: `limit` is a valid place for the result.
        let failed = unsafe { libc::getrlimit(resource, &raw mut limit) } != 0;
        #[allow(clippy::useless_conversion, reason = "the type differs between systems")]
        let current = u64::try_from(limit.rlim_cur).unwrap_or(u64::MAX);
        if failed { u64::MAX } else { current }
    };
    limit(libc::RLIMIT_AS).min(limit(libc::RLIMIT_DATA))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_use_at_most_an_eighth_of_a_limited_address_space() {
        let gibibyte = 1 << 30;
        assert!(fits(63, gibibyte) && !fits(64, gibibyte));
        assert!(!fits(0, 8 << 20) && fits(0, 16 << 20));
        assert!(fits(100_000, u64::MAX));
    }
}
