//! The buckets of a histogram: their upper bounds.

use std::fmt;

use crate::metrics::index::Index;
use crate::model::error::Error;

/// The upper bounds of a histogram's buckets: finite, ascending, at least one. One more bucket,
/// `+Inf`, counts larger numbers. Cheap to clone.
///
/// ```
/// use dataclay_metrics_core::{Buckets, Histogram, Opts};
///
/// let sizes = Buckets::exponential(64.0, 4.0, 8)?;
/// let sizes = Histogram::with_opts(Opts::new("size_bytes", "Size of objects").buckets(sizes))?;
/// sizes.observe(100.0);
/// assert_eq!(Buckets::new([0.1, 0.5, f64::INFINITY])?.bounds(), [0.1, 0.5]);
/// assert_eq!(Buckets::linear(10.0, 5.0, 3)?.bounds(), [10.0, 15.0, 20.0]);
/// assert!(Buckets::new([0.5, 0.1]).is_err());
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Buckets(Index);

/// The maximum number of bounds of a histogram, far more than any needs. So a wrong count, or an
/// endless iterator, is an error and does not fill the memory.
const MAX_BOUNDS: usize = 1 << 16;

impl Buckets {
    /// The default bounds of every Prometheus library, chosen for request durations in seconds.
    const DEFAULT: [f64; 14] =
        [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

    /// Returns buckets with these upper bounds. A last bound of `+Inf` is accepted, and changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if there is no finite bound, if a bound is not larger than the previous
    /// one, or if there are more than 65,536.
    pub fn new(bounds: impl IntoIterator<Item = f64>) -> Result<Buckets, Error> {
        // -0.0 becomes 0.0, because they are the same bound.
        let bounds = bounds.into_iter().take(MAX_BOUNDS + 1);
        let mut finite: Vec<f64> = bounds.map(|bound| bound + 0.0).collect();
        let refused = |value: String, rule: &str| {
            Err(Error::Setting { name: "buckets".into(), value, rule: rule.into() })
        };
        if finite.len() > MAX_BOUNDS {
            let rule = format!("a histogram has at most {MAX_BOUNDS} bounds");
            return refused(format!("{} or more", finite.len()), &rule);
        }
        if matches!(finite[..], [] | [f64::INFINITY]) {
            let value = finite.first().map_or_else(String::new, f64::to_string);
            return refused(value, "a histogram has at least one finite bound");
        }
        if finite.last() == Some(&f64::INFINITY) {
            finite.pop();
        }
        if let Some(bound) = finite.iter().find(|bound| !bound.is_finite()) {
            return refused(bound.to_string(), "a bound is finite, except +Inf at the end");
        }
        let ascends = |pair: &&[f64]| pair.first() < pair.last();
        if let Some(pair) = finite.windows(2).find(|pair| !ascends(pair)) {
            let pair = pair.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
            return refused(pair, "each bound is larger than the one before");
        }
        finite.push(f64::INFINITY);
        Ok(Buckets(Index::new(&finite, false)))
    }

    /// Returns `count` buckets, the first with the bound `start`, each further one `width` higher.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `count` is 0 or larger than 65,536. Also if the bounds are not finite
    /// and ascending; so `width` must be positive.
    pub fn linear(start: f64, width: f64, count: usize) -> Result<Buckets, Error> {
        Buckets::generated((0..count).map(|at| start + width * at as f64))
    }

    /// Returns `count` buckets, the first with the bound `start`, each further one `factor` times
    /// as high.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `count` is 0 or larger than 65,536. Also if the bounds are not finite
    /// and ascending; so `start` must be positive and `factor` larger than 1.
    pub fn exponential(start: f64, factor: f64, count: usize) -> Result<Buckets, Error> {
        let next = |bound: &f64| Some(bound * factor);
        Buckets::generated(std::iter::successors(Some(start), next).take(count))
    }

    /// Returns buckets with these bounds. An infinite bound is refused, because it means that a
    /// bound is too large for an f64.
    fn generated(bounds: impl Iterator<Item = f64>) -> Result<Buckets, Error> {
        Buckets::new(bounds.map(|bound| if bound.is_finite() { bound } else { f64::NAN }))
    }

    /// Returns the bounds, without `+Inf`.
    pub fn bounds(&self) -> &[f64] {
        self.uppers().split_last().map_or(&[], |(_, finite)| finite)
    }

    /// Returns the bounds, then `+Inf`.
    pub(crate) fn uppers(&self) -> &[f64] {
        self.0.uppers()
    }

    /// Returns the index that finds the bucket of a number. NaN is counted in the last bucket, as
    /// in `client_golang`, because no bound is at or above it.
    pub(crate) fn index(&self) -> &Index {
        &self.0
    }
}

impl Default for Buckets {
    /// Returns the default buckets of Prometheus libraries, chosen for seconds: 0.005, 0.01, 0.025,
    /// 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10.
    fn default() -> Buckets {
        Buckets(Index::new(&[&Buckets::DEFAULT[..], &[f64::INFINITY]].concat(), false))
    }
}

impl PartialEq for Buckets {
    fn eq(&self, other: &Buckets) -> bool {
        self.uppers() == other.uppers()
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Buckets").field(&self.bounds()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_bounds_are_refused_with_value_and_rule() {
        let refused = |buckets: Result<Buckets, Error>| buckets.expect_err("refused").to_string();
        assert_eq!(
            refused(Buckets::new([1.0, 1.0])),
            "buckets=\"1, 1\": each bound is larger than the one before"
        );
        for (wrong, value) in [
            (Buckets::new([]), "\"\""),
            (Buckets::new([f64::INFINITY]), "\"inf\""),
            (Buckets::new([f64::NAN]), "NaN"),
            (Buckets::new([1.0, f64::INFINITY, f64::INFINITY]), "inf"),
            (Buckets::new([f64::NEG_INFINITY, 1.0]), "-inf"),
            (Buckets::linear(1.0, 0.0, 2), "1, 1"),
            (Buckets::linear(1.0, 1.0, 0), "\"\""),
            (Buckets::exponential(1.0, 1.0, 2), "1, 1"),
            (Buckets::exponential(0.0, 2.0, 2), "0, 0"),
            (Buckets::exponential(1e300, 1e10, 2), "NaN"),
            (Buckets::linear(0.0, 1.0, usize::MAX), "65537 or more"),
            (Buckets::exponential(1.0, 2.0, usize::MAX), "65537 or more"),
            (Buckets::new((0..).map(f64::from)), "65537 or more"),
        ] {
            let message = refused(wrong);
            assert!(message.contains(value), "{message}");
        }
    }
}
