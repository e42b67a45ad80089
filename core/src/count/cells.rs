//! Cells that every thread adds to in words of its own: what is inside a histogram or a summary.

use crate::count::block::{Block, Slot};
use crate::count::choice::{self, Choice};
use crate::count::store::Span;
use crate::count::sum::{STORE, claim};
use crate::count::thread_block;
use crate::sync::cell;
use crate::sync::gate::Section;
use crate::sync::{AtomicU32, Ordering};

/// Neighbouring cells, each a count and a sum over all threads. The counts go up to `u64::MAX`.
#[derive(Debug)]
pub(crate) struct Cells {
    span: Span,
}

/// Adds to [`Cells`] and reads them, under the same conditions as the handle of a sum.
#[derive(Debug)]
pub(crate) struct Handle {
    /// The number of the first cell.
    first: u32,
    /// The same number if the cells lie in blocks; [`BEYOND`] before the process has chosen where
    /// it counts, and if they lie in no block.
    in_blocks: AtomicU32,
}

/// The number of a cell beyond the end of every block.
const BEYOND: u32 = u32::MAX;

impl Clone for Handle {
    fn clone(&self) -> Handle {
        let in_blocks = AtomicU32::new(self.in_blocks.load(Ordering::Relaxed));
        Handle { first: self.first, in_blocks }
    }
}

impl Cells {
    /// Returns a number of cells at zero, or `None` if 2^26 words are in use.
    pub(crate) fn new(len: usize) -> Option<Cells> {
        // No fork happens while the store is half made.
        let _section = Section::enter();
        let span = STORE.open_span(u32::try_from(len * 2).ok()?)?;
        Some(Cells { span })
    }

    pub(crate) fn handle(&self) -> Handle {
        let Slot(slot) = self.span.first;
        Handle { first: slot / 2, in_blocks: AtomicU32::new(BEYOND) }
    }
}

impl Drop for Cells {
    fn drop(&mut self) {
        let _section = Section::enter();
        STORE.close_span(self.span);
    }
}

impl Handle {
    /// Adds to the cell at a place. Wait-free with a block, and lock-free without. The call that
    /// claims the thread's block, normally its first, may ask the system for memory.
    #[inline]
    pub(crate) fn observe(&self, at: usize, count: u64, sum: f64) {
        if !thread_block::get().is_some_and(|block| block.observe(self.cell(at), count, sum)) {
            self.observe_first(at, count, sum);
        }
    }

    #[inline]
    fn cell(&self, at: usize) -> usize {
        self.in_blocks.load(Ordering::Relaxed) as usize + at
    }

    #[cold]
    #[inline(never)]
    fn observe_first(&self, at: usize, count: u64, sum: f64) {
        let may_lie_in_blocks = || match choice::make() {
            Some(Choice::Private) if cell::lie_in_blocks() => {
                self.in_blocks.store(self.first, Ordering::Relaxed);
                true
            }
            // In a process with a segment, blocks have the words of other series there.
            _ => false,
        };
        let observe = |block: &Block| block.observe(self.cell(at), count, sum);
        if !(may_lie_in_blocks() && claim().is_some_and(observe)) {
            STORE.observe_shared(self.first as usize + at, count, sum);
        }
    }

    /// Writes to `sums` the sums of the cells over all threads. Each count belongs to its sum. A
    /// count is never smaller than in an earlier read, as that of a sum.
    pub(crate) fn read(&self, sums: &mut [(u64, f64)]) {
        STORE.read_cells(&[self.first as usize], sums.len(), sums);
    }
}

/// Calls `each` with the `len` cells of each handle, in their order.
pub(crate) fn read_many<'a>(
    mut handles: impl Iterator<Item = &'a Handle>,
    len: usize,
    mut each: impl FnMut(&[(u64, f64)]),
) {
    /// Cells that are read at once: enough to change blocks seldom.
    const MANY: usize = 512;
    let together = (MANY / len).max(1);
    let mut firsts = Vec::with_capacity(together);
    let mut sums = vec![(0, 0.0); together * len];
    loop {
        firsts.clear();
        firsts.extend(handles.by_ref().take(together).map(|handle| handle.first as usize));
        if firsts.is_empty() {
            return;
        }
        let sums = &mut sums[..firsts.len() * len];
        STORE.read_cells(&firsts, len, sums);
        sums.chunks(len).for_each(&mut each);
    }
}
