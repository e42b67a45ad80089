//! Cells that each thread counts in its own words: the contents of a histogram or a summary.

use crate::count::block::{Block, Slot};
use crate::count::choice::{self, Choice};
use crate::count::claim::{STORE, leave_block_of_others};
use crate::count::place::{APART_BIT, At, Place, Private};
use crate::count::segment::attached::resolve::Resolved;
use crate::count::segment::record::Wanted;
use crate::count::segment::source::Source;
use crate::count::spans::Span;
use crate::count::thread_block;
use crate::sync::cell;
use crate::sync::gate::Section;
use crate::sync::uncancelled::rarely;
use crate::sync::{AtomicUsize, Ordering};

/// Neighbouring cells, each a count and a sum over all threads. In a segment, also over all
/// processes. The counts go up to `u64::MAX`.
#[derive(Debug)]
pub(crate) struct Cells {
    place: Place,
}

/// Adds to [`Cells`], under the same conditions as the handle of a sum.
#[derive(Debug)]
pub(crate) struct Handle {
    /// The index of the first cell if the cells are in blocks, otherwise [`BEYOND`].
    in_blocks: AtomicUsize,
}

/// An index beyond the end of every block. Cells that are not resolved, or that are only in the
/// shared block, have it.
const BEYOND: usize = u32::MAX as usize;

impl Cells {
    /// Returns a number of cells at zero, or `None` if 2^26 words are in use.
    pub(crate) fn new(len: usize) -> Option<Cells> {
        // No fork can happen while the store is partly initialised.
        let _section = Section::enter();
        let span = STORE.open_span(u32::try_from(len * 2).ok()?)?;
        Some(Cells { place: Place::new(span) })
    }

    pub(crate) fn handle(&self) -> Handle {
        let handle = Handle { in_blocks: AtomicUsize::new(BEYOND) };
        self.update(&handle);
        handle
    }

    /// Stores the place of the cells in the handle.
    fn update(&self, handle: &Handle) {
        let slot = self.place.slot();
        if slot < APART_BIT && cell::are_in_blocks() {
            // Relaxed: readers need only the index, because the words were reserved before it was
            // stored.
            handle.in_blocks.store(slot as usize / 2, Ordering::Relaxed);
        }
    }

    /// Returns when the counts began, in milliseconds of Unix time.
    pub(crate) fn created(&self) -> u64 {
        self.place.created()
    }

    /// Returns the first cell in private memory.
    fn private(&self) -> usize {
        self.place.private().first.0 as usize / 2
    }

    /// Adds for a thread without a block, through an unresolved handle, or to cells that are only
    /// in the shared block.
    #[cold]
    #[inline(never)]
    fn observe_first(
        &self,
        handle: &Handle,
        wanted: &dyn Fn() -> Wanted,
        at: usize,
        (count, sum): (u64, f64),
    ) {
        leave_block_of_others();
        let cell = |first: Slot| first.0 as usize / 2 + at;
        self.place.add_first(
            self.resolve(handle, wanted),
            &InShared,
            |block, first| block.observe(cell(first), count, sum),
            |block, first| block.observe_shared(cell(first), count, sum),
            |first| STORE.observe_shared(cell(first), count, sum),
        );
    }

    fn resolve(&self, handle: &Handle, wanted: &dyn Fn() -> Wanted) -> Option<At> {
        let known = self.place.get();
        let at = if cell::are_in_blocks() {
            known.or_else(|| self.place.resolve(&InShared, wanted))
        } else {
            // Cells of a segment are in blocks, too.
            let stays = known.or_else(|| self.place.stay_apart());
            stays.map(|_| At::Apart)
        };
        self.update(handle);
        at
    }

    /// Writes to `sums` the observations of this process.
    fn own(&self, sums: &mut [(u64, f64)]) {
        let private = [self.private()];
        match self.place.get() {
            Some(At::Segment(attached, Slot(first))) => {
                attached.own_cells(first as usize / 2, sums, |sums| {
                    let mut apart = vec![(0, 0.0); sums.len()];
                    STORE.read_cells(&private, sums.len(), &mut apart);
                    for (at, (sum, apart)) in sums.iter_mut().zip(apart).enumerate() {
                        let before = self.place.before(at);
                        sum.0 = sum.0.saturating_add(apart.0).saturating_sub(before.0);
                        sum.1 += apart.1 - before.1;
                    }
                });
            }
            _ => STORE.read_cells(&private, sums.len(), sums),
        }
    }
}

impl Drop for Cells {
    fn drop(&mut self) {
        let _section = Section::enter();
        STORE.close_span(self.place.private());
    }
}

/// The cells in private memory of a process that has not found their words in its segment yet.
struct InShared;

impl Private for InShared {
    fn is_empty(&self, span: Span) -> bool {
        let mut sums = vec![(0, 0.0); span.len as usize / 2];
        STORE.read_cells(&[span.first.0 as usize / 2], sums.len(), &mut sums);
        sums.iter().all(|sum| *sum == (0, 0.0))
    }

    fn move_to(&self, span: Span, block: &Block, first: Slot) {
        let (private, first) = (span.first.0 as usize / 2, first.0 as usize / 2);
        for at in 0..span.len as usize / 2 {
            let (count, sum) = STORE.take_shared_cell(private + at);
            if count > 0 {
                block.observe_shared(first + at, count, sum);
            }
        }
    }

    fn counted(&self, resolved: &Resolved<'_>, words: u32) -> Box<[(u64, f64)]> {
        resolved.own_cells(resolved.words.first.0 as usize / 2, words as usize / 2)
    }
}

impl Handle {
    /// Returns another handle of the same cells, like the handle of a sum.
    #[inline]
    pub(crate) fn clone_with<'a>(&self, cells: impl FnOnce() -> &'a Cells) -> Handle {
        if self.in_blocks.load(Ordering::Relaxed) == BEYOND {
            cells().update(self);
        }
        Handle { in_blocks: AtomicUsize::new(self.in_blocks.load(Ordering::Relaxed)) }
    }

    #[inline]
    fn cell(&self, at: usize) -> usize {
        self.in_blocks.load(Ordering::Relaxed) + at
    }
}

/// A metric that consists of cells.
pub(crate) trait InCells {
    fn handle(&self) -> &Handle;

    fn cells(&self) -> &Cells;

    /// Returns the series of the metric in a segment.
    fn wanted(&self) -> Wanted;
}

/// Adds to the cell at a place. Wait-free with a block, and lock-free without. The call that claims
/// the thread's block, normally the first one, may request memory from the system.
#[inline]
pub(crate) fn observe(metric: &impl InCells, at: usize, count: u64, sum: f64) {
    let cell = metric.handle().cell(at);
    if !thread_block::get().is_some_and(|block| block.observe(cell, count, sum)) {
        observe_first(metric, at, count, sum);
    }
}

#[cold]
#[inline(never)]
extern "C" fn observe_first<M: InCells>(metric: &M, at: usize, count: u64, sum: f64) {
    let (cells, handle) = (metric.cells(), metric.handle());
    rarely(|| cells.observe_first(handle, &|| metric.wanted(), at, (count, sum)));
}

/// Writes to `sums` the observations of this process. Each count and its sum are from the same
/// observations. A count is never smaller than in an earlier read.
pub(crate) fn own(metric: &impl InCells, sums: &mut [(u64, f64)]) {
    metric.cells().own(sums);
}

/// Calls `each` with the `len` cells of each metric, in their order, as an exposition shows them.
/// With a segment, they are summed over all processes.
pub(crate) fn exposed_many<'a, M: InCells + 'a>(
    mut metrics: impl Iterator<Item = &'a M>,
    len: usize,
    mut each: impl FnMut(&[(u64, f64)]),
) {
    /// The number of cells that are read together: enough that the reader seldom moves to another
    /// block.
    const MANY: usize = 512;
    let together = (MANY / len).max(1);
    let choice = choice::made().or_else(|| choice::may_be_requested().then(choice::make)?);
    let mut firsts = Vec::with_capacity(together);
    // The metrics that are in private memory while the process has a segment.
    let mut apart: Vec<(usize, &M)> = Vec::new();
    let mut sums = vec![(0, 0.0); together * len];
    loop {
        firsts.clear();
        apart.clear();
        for metric in metrics.by_ref().take(together) {
            let first = match choice {
                Some(Choice::Segment(_)) => {
                    let (cells, handle) = (metric.cells(), metric.handle());
                    if let Some(At::Segment(..)) = cells.resolve(handle, &|| metric.wanted()) {
                        cells.place.settle_late(&InShared);
                        handle.cell(0)
                    } else {
                        apart.push((firsts.len(), metric));
                        0
                    }
                }
                _ => metric.cells().private(),
            };
            firsts.push(first);
        }
        if firsts.is_empty() {
            return;
        }
        let sums = &mut sums[..firsts.len() * len];
        match choice {
            Some(Choice::Segment(attached)) => attached.cell_sums(&firsts, len, sums),
            _ => STORE.read_cells(&firsts, len, sums),
        }
        for (at, metric) in &apart {
            metric.cells().own(&mut sums[at * len..(at + 1) * len]);
        }
        sums.chunks(len).for_each(&mut each);
    }
}
