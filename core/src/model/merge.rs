//! How the gauges of several processes become one sample.

/// How an exposition merges a gauge of processes that share a segment. Only processes that are
/// alive count. A process without a segment exposes its own value, whatever this is.
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
}

const ALL: [GaugeMerge; 5] =
    [GaugeMerge::Sum, GaugeMerge::Min, GaugeMerge::Max, GaugeMerge::MostRecent, GaugeMerge::Each];

impl GaugeMerge {
    /// Returns the number that stands for it where processes share it.
    pub(crate) fn to_byte(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_byte(byte: u8) -> Option<GaugeMerge> {
        ALL.get(usize::from(byte)).copied()
    }

    /// Merges values, each with the time at which it was set. `None` without values.
    pub(crate) fn merge(self, values: &[(f64, u64)]) -> Option<f64> {
        let all = values.iter().map(|(value, _)| *value);
        match self {
            GaugeMerge::Sum => all.reduce(|a, b| a + b),
            GaugeMerge::Min => all.reduce(f64::min),
            GaugeMerge::Max => all.reduce(f64::max),
            GaugeMerge::MostRecent | GaugeMerge::Each => {
                values.iter().max_by_key(|(_, time)| *time).map(|(value, _)| *value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_merged() {
        let values = [(2.0, 5), (-1.0, 9), (7.0, 1)];
        let merged = ALL.map(|how| how.merge(&values));
        assert_eq!(merged, [8.0, -1.0, 7.0, -1.0, -1.0].map(Some));
        for how in ALL {
            assert_eq!(how.merge(&[]), None);
            assert_eq!(GaugeMerge::from_byte(how.to_byte()), Some(how));
        }
        assert_eq!(GaugeMerge::from_byte(5), None);
    }
}
