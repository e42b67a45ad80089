//! The buckets of a histogram: their upper bounds, and which bucket a number falls in.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::model::error::Error;
use crate::sync::locks::Mutex;

/// The upper bounds of a histogram's buckets: finite, ascending, at least one. One more bucket,
/// `+Inf`, takes what is larger. Cheap to clone.
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
pub struct Buckets(Arc<Table>);

/// The bits of an f64 that the table does not look at: all but the sign, the exponent and two bits
/// of the mantissa.
const SHIFT: u32 = 50;
/// The numbers that the other bits can be.
const RANGES: usize = 1 << (u64::BITS - SHIFT);
/// In place of a bucket: the table alone does not tell.
const SEARCH: u8 = u8::MAX;

/// Equal buckets share one table, in all metrics.
struct Table {
    /// For each range of numbers with the same top bits, the first bucket that one of them falls
    /// in, if some fall in that one and all others in the next; otherwise [`SEARCH`].
    ranges: [u8; RANGES],
    /// The bounds, then +Inf, for the look-up by the table. Empty if there are so many that the
    /// table cannot name them: then all numbers are searched.
    named: Box<[f64]>,
    /// The bounds, then +Inf. A number falls in the first bucket whose bound is not smaller.
    uppers: Box<[f64]>,
}

/// The tables in use.
static TABLES: Mutex<Vec<Weak<Table>>> = Mutex::new(Vec::new());

impl Buckets {
    /// The default bounds of every Prometheus library, made for seconds that requests take.
    const DEFAULT: [f64; 14] =
        [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

    /// Returns buckets with these upper bounds. A last bound of `+Inf` is accepted, and is the same
    /// as none.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] unless there is a finite bound, and each is larger than the one before.
    pub fn new(bounds: impl IntoIterator<Item = f64>) -> Result<Buckets, Error> {
        // -0.0 becomes 0.0, which is the same bound.
        let mut finite: Vec<f64> = bounds.into_iter().map(|bound| bound + 0.0).collect();
        if finite.last() == Some(&f64::INFINITY) {
            finite.pop();
        }
        let refused = |value: String, rule: &str| {
            Err(Error::Setting { name: "buckets".into(), value, rule: rule.into() })
        };
        if finite.is_empty() {
            return refused(String::new(), "a histogram has at least one finite bound");
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
        Ok(Buckets::shared(finite.into()))
    }

    /// Returns `count` buckets, the first with the bound `start`, each further one `width` higher.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `count` is 0, or unless the bounds are finite and ascending, for
    /// which `width` must be positive.
    pub fn linear(start: f64, width: f64, count: usize) -> Result<Buckets, Error> {
        Buckets::generated((0..count).map(|at| start + width * at as f64))
    }

    /// Returns `count` buckets, the first with the bound `start`, each further one `factor` times
    /// as high.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if `count` is 0, or unless the bounds are finite and ascending, for
    /// which `start` must be positive and `factor` larger than 1.
    pub fn exponential(start: f64, factor: f64, count: usize) -> Result<Buckets, Error> {
        let next = |bound: &f64| Some(bound * factor);
        Buckets::generated(std::iter::successors(Some(start), next).take(count))
    }

    /// Returns buckets with these bounds, of which none may be infinite: that would be a bound that
    /// is too large for an f64.
    fn generated(bounds: impl Iterator<Item = f64>) -> Result<Buckets, Error> {
        Buckets::new(bounds.map(|bound| if bound.is_finite() { bound } else { f64::NAN }))
    }

    /// Returns the bounds, without `+Inf`.
    pub fn bounds(&self) -> &[f64] {
        self.uppers().split_last().map_or(&[], |(_, finite)| finite)
    }

    /// Returns the bounds, then `+Inf`.
    pub(crate) fn uppers(&self) -> &[f64] {
        &self.0.uppers
    }

    /// Returns the number of the bucket that `number` falls in. NaN is not at or below any bound,
    /// and falls in the last bucket, as in `client_golang`.
    #[inline]
    pub(crate) fn find(&self, number: f64) -> usize {
        let first = usize::from(self.0.ranges[(number.to_bits() >> SHIFT) as usize]);
        match self.0.named.get(first) {
            Some(upper) => first + usize::from(number > *upper),
            None => self.search(number),
        }
    }

    #[cold]
    fn search(&self, number: f64) -> usize {
        search(self.bounds(), number)
    }

    /// Returns the buckets in use with these bounds, or new ones.
    fn shared(uppers: Box<[f64]>) -> Buckets {
        let mut tables = TABLES.lock();
        tables.retain(|table| table.strong_count() > 0);
        let same = |table: &Arc<Table>| table.uppers == uppers;
        if let Some(table) = tables.iter().filter_map(Weak::upgrade).find(same) {
            return Buckets(table);
        }
        let named =
            if uppers.len() <= usize::from(SEARCH) { uppers.clone() } else { Box::default() };
        let table = Arc::new(Table { ranges: ranges(&uppers[..uppers.len() - 1]), named, uppers });
        tables.push(Arc::downgrade(&table));
        Buckets(table)
    }
}

/// Returns the place of the first bound that is not below the number; the end if there is none.
fn search(bounds: &[f64], number: f64) -> usize {
    if number.is_nan() { bounds.len() } else { bounds.partition_point(|bound| *bound < number) }
}

fn ranges(bounds: &[f64]) -> [u8; RANGES] {
    let bucket = |range: usize| {
        let bits = (range as u64) << SHIFT;
        let ends = [bits, bits | ((1 << SHIFT) - 1)].map(f64::from_bits);
        // The range of an infinity holds NaNs as well.
        if ends[0].is_infinite() {
            return SEARCH;
        }
        let [one, other] = ends.map(|end| search(bounds, end));
        match u8::try_from(one.min(other)) {
            Ok(first) if one.abs_diff(other) <= 1 => first,
            _ => SEARCH,
        }
    };
    std::array::from_fn(bucket)
}

impl Default for Buckets {
    /// Returns the default buckets of Prometheus libraries, made for seconds: 0.005, 0.01, 0.025,
    /// 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10.
    fn default() -> Buckets {
        Buckets::shared(Buckets::DEFAULT.into_iter().chain([f64::INFINITY]).collect())
    }
}

impl PartialEq for Buckets {
    fn eq(&self, other: &Buckets) -> bool {
        self.0.uppers == other.0.uppers
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Buckets").field(&self.bounds()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Compares with a plain search: at each bound, next to it, and at odd numbers.
    fn check(bounds: &[f64]) {
        let buckets = Buckets::new(bounds.iter().copied()).expect("valid");
        let near = bounds.iter().flat_map(|bound| [bound.next_down(), *bound, bound.next_up()]);
        let odd = [
            0.0,
            -0.0,
            f64::MIN_POSITIVE,
            5e-324,
            -5e-324,
            f64::MAX,
            f64::MIN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            -f64::NAN,
            // Signalling NaNs, in the ranges of the infinities.
            f64::from_bits(0x7ff0_0000_0000_0001),
            f64::from_bits(0xfff0_0000_0000_0001),
        ];
        let at = |number: f64| bounds.iter().position(|bound| number <= *bound);
        for number in near.chain(odd) {
            let expected = at(number).unwrap_or(bounds.len());
            assert_eq!(buckets.find(number), expected, "{number:?} {:x}", number.to_bits());
        }
    }

    #[test]
    fn a_number_falls_in_the_first_bucket_that_is_not_below() {
        check(&Buckets::DEFAULT);
        for buckets in [
            Buckets::linear(-3.0, 0.01, 1_000),
            Buckets::linear(0.0, 1.0, 254),
            Buckets::linear(0.0, 1.0, 255),
            Buckets::exponential(1e-300, 2.0, 2_000),
            Buckets::new([0.0]),
            Buckets::new([-1.0, -0.5, 0.0, f64::MAX]),
            Buckets::new([f64::MIN, -5e-324, 5e-324]),
        ] {
            check(buckets.expect("valid").bounds());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bounds(mut bounds in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 1..40)) {
            bounds.sort_by(f64::total_cmp);
            bounds.dedup();
            check(&bounds);
        }
    }

    #[test]
    fn wrong_bounds_are_refused_with_value_and_rule() {
        let refused = |buckets: Result<Buckets, Error>| buckets.expect_err("refused").to_string();
        assert_eq!(
            refused(Buckets::new([1.0, 1.0])),
            "buckets=\"1, 1\": each bound is larger than the one before"
        );
        for (wrong, value) in [
            (Buckets::new([]), "\"\""),
            (Buckets::new([f64::INFINITY]), "\"\""),
            (Buckets::new([f64::NAN]), "NaN"),
            (Buckets::new([1.0, f64::INFINITY, f64::INFINITY]), "inf"),
            (Buckets::new([f64::NEG_INFINITY, 1.0]), "-inf"),
            (Buckets::linear(1.0, 0.0, 2), "1, 1"),
            (Buckets::linear(1.0, 1.0, 0), "\"\""),
            (Buckets::exponential(1.0, 1.0, 2), "1, 1"),
            (Buckets::exponential(0.0, 2.0, 2), "0, 0"),
            (Buckets::exponential(1e300, 1e10, 2), "NaN"),
        ] {
            let message = refused(wrong);
            assert!(message.contains(value), "{message}");
        }
    }

    #[test]
    fn equal_buckets_share_their_table() {
        let bounds = [0.125, 77.0];
        let (one, other) = (Buckets::new(bounds), Buckets::new([0.125, 77.0, f64::INFINITY]));
        let (one, other) = (one.expect("valid"), other.expect("valid"));
        assert!(Arc::ptr_eq(&one.0, &other.0) && one == other);
        let weak = Arc::downgrade(&one.0);
        drop((one, other));
        assert!(weak.upgrade().is_none());
        assert_ne!(Buckets::new(bounds).expect("valid"), Buckets::default());
    }
}
