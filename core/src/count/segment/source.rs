//! A segment whose values can be read: the one of this process, or one of other processes.

use crate::count::block::Slot;
use crate::count::segment::blocks;
use crate::count::segment::gauges::Gauge;
use crate::count::segment::mapping::Mapping;

/// A segment whose values can be read.
pub(crate) trait Source {
    /// Returns the mapping, and how many of its blocks were ever claimed.
    fn blocks(&self) -> (&Mapping, usize);

    /// Returns a gauge of all processes that count in the segment, merged by `how`.
    fn gauges(&self, slot: Slot, how: u8) -> Vec<Gauge>;

    /// Writes the sums over all processes to `sums`. Never smaller than in an earlier read.
    fn sums(&self, slots: &[Slot], sums: &mut [(u64, f64)]) {
        let (mapping, used) = self.blocks();
        sums.fill((0, 0.0));
        blocks::sums(mapping, used, slots, sums);
    }

    /// Writes the sums of `len` cells from each of `firsts` over all processes to `sums`.
    fn cell_sums(&self, firsts: &[usize], len: usize, sums: &mut [(u64, f64)]) {
        let (mapping, used) = self.blocks();
        sums.fill((0, 0.0));
        blocks::cell_sums(mapping, used, firsts, len, sums);
    }
}
