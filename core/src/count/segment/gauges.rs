//! Merges the gauges of several processes, as the number in the record of a series says. All
//! processes must read these numbers in the same way, so a change needs a new layout.

/// The sum of all values.
pub(crate) const SUM: u8 = 0;
/// The smallest value.
pub(crate) const MIN: u8 = 1;
/// The largest value.
pub(crate) const MAX: u8 = 2;
/// The value that was set last.
pub(crate) const LAST: u8 = 3;
/// Every value separately. Such a gauge has the id of its process in place of the time.
pub(crate) const EACH: u8 = 4;
/// Added to one of the numbers above if processes that have ended count too.
pub(crate) const ENDED: u8 = 16;

/// A gauge: its value, and when it was set; or the id of its process, if every value is exposed.
pub(crate) type Gauge = (f64, u64);

/// Returns whether every value is exposed separately.
pub(crate) fn is_each(how: u8) -> bool {
    how & !ENDED == EACH
}

/// Returns whether processes that have ended count.
pub(crate) fn has_ended(how: u8) -> bool {
    how & ENDED != 0
}

/// Returns whether a block has a second word for the gauge: the merged values of all owners before
/// the last one.
pub(crate) fn has_past(how: u8) -> bool {
    has_ended(how) && !is_each(how)
}

/// Merges values, each with the time at which it was set. Returns `None` if there are no values.
pub(crate) fn merge(how: u8, values: impl Iterator<Item = Gauge>) -> Option<Gauge> {
    values.reduce(|a, b| match how & !ENDED {
        SUM => (a.0 + b.0, a.1.max(b.1)),
        MIN => (a.0.min(b.0), a.1.max(b.1)),
        MAX => (a.0.max(b.0), a.1.max(b.1)),
        LAST if b.1 < a.1 => a,
        _ => b,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_are_merged_by_their_mode() {
        let values = [(2.0, 5), (-1.0, 9), (7.0, 1)];
        for (how, expected) in [(SUM, 8.0), (MIN, -1.0), (MAX, 7.0), (LAST, -1.0)] {
            for how in [how, how | ENDED] {
                let merged = merge(how, values.into_iter());
                assert_eq!(merged.map(|(value, _)| value), Some(expected));
                assert_eq!(merge(how, [].into_iter()), None);
                assert_eq!(has_past(how), has_ended(how));
            }
        }
        assert!(is_each(EACH | ENDED) && !has_past(EACH | ENDED));
    }
}
