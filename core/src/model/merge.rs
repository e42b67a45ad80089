//! Merges the gauges of several processes into one sample.

/// The way in which an exposition merges a gauge of processes that share a segment.
///
/// Only running processes count. With `OfAll` at the end of the name, ended processes count too. A
/// process without a segment ignores this and exposes its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GaugeMerge {
    /// The sum of all values.
    #[default]
    Sum,
    /// The smallest value.
    Min,
    /// The largest value.
    Max,
    /// The value that was set last, by the clock of the machine, in milliseconds.
    MostRecent,
    /// Every value, each with a label `pid`.
    Each,
    /// As [`GaugeMerge::Sum`]. The last value of a process that has ended stays in the sum.
    SumOfAll,
    /// As [`GaugeMerge::Min`], with the last values of processes that have ended.
    MinOfAll,
    /// As [`GaugeMerge::Max`], with the last values of processes that have ended.
    MaxOfAll,
    /// As [`GaugeMerge::MostRecent`], with the last values of processes that have ended.
    MostRecentOfAll,
    /// As [`GaugeMerge::Each`]. The last value of a process that has ended stays until another
    /// process reuses its block, so the number of values is bounded.
    EachOfAll,
}

impl GaugeMerge {
    /// Returns its number in a segment, as `count/segment/gauges.rs` defines it.
    pub(crate) fn number(self) -> u8 {
        const WAYS: u8 = GaugeMerge::SumOfAll as u8;
        const ENDED: u8 = 16;
        match (self as u8).checked_sub(WAYS) {
            Some(way) => way | ENDED,
            None => self as u8,
        }
    }
}
