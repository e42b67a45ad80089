//! The words of a gauge in a segment: its value in this process, and when it was set. They are in
//! the first block of the process.

use crate::count::block::{Block, Slot};
use crate::count::choice::{self, Choice};
use crate::count::segment::gauges::merge;
use crate::count::segment::record::Wanted;
use crate::count::segment::source::Source;
use crate::sync::uncancelled::Uncancelled;
use crate::sync::{AtomicU32, AtomicU64, Ordering};

pub(crate) use crate::count::created::now;
pub(crate) use crate::count::segment::gauges::{has_past, is_each};
pub(crate) use crate::count::segment::leaving::is_on as is_leaving;

/// The index of a word that is not known yet.
const UNRESOLVED: u32 = u32::MAX;
/// The index for a gauge without a word in the segment. Its value is in private memory.
const NO_WORD: u32 = u32::MAX - 1;

/// The place of a gauge in the segment of its process, if it has one.
#[derive(Debug)]
pub(crate) struct Word {
    slot: AtomicU32,
    /// The process that had the process block when the gauge was shown. A forked child is another
    /// process.
    shown: AtomicU64,
}

/// Returns whether this process has a segment, or has requested one.
#[inline]
pub(crate) fn is_shared() -> bool {
    match choice::made() {
        Some(Choice::Private) => false,
        Some(Choice::Segment(_)) => true,
        None => choice::may_be_requested(),
    }
}

impl Word {
    pub(crate) fn new() -> Word {
        Word { slot: AtomicU32::new(UNRESOLVED), shown: AtomicU64::new(0) }
    }

    /// Returns the value and the time. The first call of a process shows the gauge, with the value
    /// of `private`. `None` if the value is in private memory.
    #[inline]
    pub(crate) fn get(
        &self,
        wanted: impl Fn() -> Wanted,
        private: &AtomicU64,
        how: u8,
    ) -> Option<[&'static AtomicU64; 2]> {
        if is_shared() { self.find(&wanted, private, how) } else { None }
    }

    /// Returns the value and the time. `None` if the value is in private memory, or if this process
    /// has not shown the gauge.
    #[inline]
    pub(crate) fn get_resolved(&self) -> Option<[&'static AtomicU64; 2]> {
        if !is_shared() || self.shown.load(Ordering::Acquire) == 0 {
            return None;
        }
        self.pair(self.block()?)
    }

    fn block(&self) -> Option<&'static Block> {
        match choice::made()? {
            Choice::Private => None,
            Choice::Segment(attached) => attached
                .process_block()
                .filter(|_| self.shown.load(Ordering::Acquire) == attached.holder()),
        }
    }

    fn pair(&self, block: &'static Block) -> Option<[&'static AtomicU64; 2]> {
        block.pair(Slot(self.slot.load(Ordering::Acquire)))
    }

    #[inline(never)]
    fn find(
        &self,
        wanted: &dyn Fn() -> Wanted,
        private: &AtomicU64,
        how: u8,
    ) -> Option<[&'static AtomicU64; 2]> {
        if let Some(block) = self.block() {
            return self.pair(block);
        }
        // It may open and enlarge files and wait for locks, which are cancellation points.
        let _uncancelled = Uncancelled::new();
        let Some(Choice::Segment(attached)) = choice::make() else { return None };
        if self.slot.load(Ordering::Acquire) == UNRESOLVED {
            let found = attached.resolve(&wanted(), |_| {});
            match found {
                Ok(Some(words)) => self.slot.store(words.first.0, Ordering::Release),
                Ok(None) => return None,
                Err(why) => {
                    self.slot.store(NO_WORD, Ordering::Release);
                    why.note(&wanted());
                }
            }
        }
        let [value, time] = self.pair(attached.process_block_or_claim()?)?;
        // The words are zero unless another thread was faster. Then they stay as they are.
        let (ok, failed) = (Ordering::Release, Ordering::Relaxed);
        let _ = value.compare_exchange(0, private.load(Ordering::Relaxed), ok, failed);
        let first = if is_each(how) { attached.process().into() } else { 1 };
        let _ = time.compare_exchange(0, first, ok, failed);
        self.shown.store(attached.holder(), Ordering::Release);
        Some([value, time])
    }

    /// Returns the gauge of all processes, merged by `how`.
    pub(crate) fn merged(&self, how: u8) -> Option<f64> {
        match choice::made() {
            Some(Choice::Segment(attached)) => {
                let all = attached.gauges(Slot(self.slot.load(Ordering::Acquire)), how);
                merge(how, all.into_iter()).map(|(value, _)| value)
            }
            _ => None,
        }
    }
}
