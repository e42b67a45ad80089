//! Finds the interval between ascending bounds that contains a number.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::sync::locks::Mutex;

/// Ascending bounds, of which the last is infinity, and tables for a fast search. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Index(Arc<Table>);

/// The bits of an f64 that the first table ignores: all except the sign, the exponent and two bits
/// of the mantissa.
const SHIFT: u32 = 50;
/// The number of values of the other bits.
const RANGES: usize = 1 << (u64::BITS - SHIFT);
/// The entry of a range for which the first table does not decide.
const SEARCH: u8 = u8::MAX;

/// Equal bounds share one table, in all metrics.
struct Table {
    /// For each range of numbers with the same top bits, the first part that contains one of them.
    /// [`SEARCH`] if some of them are beyond the next part.
    ranges: [u8; RANGES],
    /// The keys of the first bounds, as many as `ranges` can name. Stored inline so that a look-up
    /// dereferences one pointer less.
    keys: [i64; 1 << u8::BITS],
    /// A number is in the first part whose bound is not smaller.
    uppers: Box<[f64]>,
    /// The part of NaN.
    nan: usize,
    fine: Fine,
}

/// The table for numbers that [`SEARCH`] leaves: ranges of positive numbers, about as narrow as the
/// bounds.
struct Fine {
    /// The bits that this table ignores.
    shift: u32,
    /// The other bits of the table's first range.
    first: u64,
    /// For each range, and for the one after the last, the part of its smallest number.
    parts: Box<[u16]>,
}

/// The tables in use.
static TABLES: Mutex<Vec<Weak<Table>>> = Mutex::new(Vec::new());

impl Index {
    /// Returns the index of these bounds. NaN is in the last part, or in one more part after it.
    pub(crate) fn new(uppers: &[f64], nan_lies_apart: bool) -> Index {
        let nan = uppers.len() - usize::from(!nan_lies_apart);
        let mut tables = TABLES.lock();
        tables.retain(|table| table.strong_count() > 0);
        let same = |table: &Arc<Table>| *table.uppers == *uppers && table.nan == nan;
        if let Some(table) = tables.iter().filter_map(Weak::upgrade).find(same) {
            return Index(table);
        }
        let mut keys = [key(f64::INFINITY); 1 << u8::BITS];
        // `+ 0.0` turns -0.0 into 0.0. They are equal, but -0.0 has a smaller key.
        keys.iter_mut().zip(uppers).for_each(|(kept, upper)| *kept = key(upper + 0.0));
        let table = Arc::new(Table {
            ranges: ranges(uppers),
            keys,
            uppers: uppers.into(),
            nan,
            fine: Fine::new(uppers),
        });
        tables.push(Arc::downgrade(&table));
        Index(table)
    }

    /// Returns the bounds, the last of which is infinity.
    pub(crate) fn uppers(&self) -> &[f64] {
        &self.0.uppers
    }

    /// Returns the part that contains a number.
    #[inline]
    pub(crate) fn find(&self, number: f64) -> usize {
        match self.0.ranges[(number.to_bits() >> SHIFT) as usize] {
            SEARCH => self.0.search(number),
            first => {
                let first = usize::from(first);
                first + usize::from(key(number) > self.0.keys[first])
            }
        }
    }
}

/// Returns an integer for a number, in the order of `f64::total_cmp`. The processor compares
/// integers in fewer cycles, and the address of a cell waits for the comparison.
#[inline]
fn key(number: f64) -> i64 {
    let bits = i64::from_ne_bytes(number.to_ne_bytes());
    // Except for the sign, the bits of negative numbers have the opposite order.
    bits ^ (bits >> 63 & i64::MAX)
}

impl Table {
    /// `extern "C"` because such a function does not unwind (`sync/uncancelled.rs`). Nothing in it
    /// panics.
    #[inline(never)]
    extern "C" fn search(&self, number: f64) -> usize {
        let Fine { shift, first, parts } = &self.fine;
        let range = (number.to_bits() >> shift).wrapping_sub(*first);
        let range = usize::try_from(range).unwrap_or(usize::MAX);
        if let Some([from, to]) = parts.get(range..).and_then(|parts| parts.first_chunk()) {
            let from = usize::from(*from);
            let uppers = self.uppers.get(from..usize::from(*to)).unwrap_or_default();
            return from + uppers.partition_point(|upper| *upper < number);
        }
        if number.is_nan() {
            self.nan
        } else {
            self.uppers.partition_point(|upper| *upper < number)
        }
    }
}

/// Returns the part of a number that is not NaN.
fn part(uppers: &[f64], number: f64) -> usize {
    uppers.partition_point(|upper| *upper < number)
}

fn ranges(uppers: &[f64]) -> [u8; RANGES] {
    let part_of = |range: usize| {
        let bits = (range as u64) << SHIFT;
        let ends = [bits, bits | ((1 << SHIFT) - 1)].map(f64::from_bits);
        // The ranges of the infinities contain NaNs, too.
        if !ends[0].is_finite() {
            return SEARCH;
        }
        let [one, other] = ends.map(|end| part(uppers, end));
        match u8::try_from(one.min(other)) {
            Ok(first) if one.abs_diff(other) <= 1 => first,
            _ => SEARCH,
        }
    };
    std::array::from_fn(part_of)
}

impl Fine {
    /// The bits of an f64 after its exponent.
    const EXPONENT: u32 = f64::MANTISSA_DIGITS - 1;

    fn new(uppers: &[f64]) -> Fine {
        let none = Fine { shift: 0, first: 0, parts: Box::default() };
        let mut positive = uppers.iter().filter(|upper| **upper > 0.0 && upper.is_finite());
        let Some(smallest) = positive.next() else { return none };
        let largest = positive.next_back().unwrap_or(smallest).to_bits();
        // The narrowest ranges such that there are not many more ranges than bounds. No range is
        // wider than one exponent.
        let count = |shift: u32| (largest >> shift) - (smallest.to_bits() >> shift);
        let is_short = |shift: &u32| count(*shift) < 4 * uppers.len() as u64;
        let shift = (0..Fine::EXPONENT).find(is_short).unwrap_or(Fine::EXPONENT);
        let first = smallest.to_bits() >> shift;
        let begins = (first..=first + count(shift) + 1).map(|range| f64::from_bits(range << shift));
        // If there are so many bounds that their numbers exceed 16 bits, the bounds are searched.
        let part_of = |begin| u16::try_from(part(uppers, begin)).ok();
        let parts = begins.map(part_of).collect::<Option<Box<[u16]>>>();
        parts.map_or(none, |parts| Fine { shift, first, parts })
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Index").field(&self.uppers()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Compares `find` with a linear search: at each bound, next to it, and at special numbers.
    fn check(bounds: impl IntoIterator<Item = f64>) {
        let bounds: Vec<f64> = bounds.into_iter().chain([f64::INFINITY]).collect();
        let (index, apart) = (Index::new(&bounds, false), Index::new(&bounds, true));
        // All bounds of a small set, and some of a large one.
        let step = 1 + bounds.len() / 400;
        let near = bounds.iter().step_by(step);
        let near = near.flat_map(|bound| [bound.next_down(), *bound, bound.next_up()]);
        let between = bounds.windows(2).step_by(step).map(|pair| pair[0] / 2.0 + pair[1] / 2.0);
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
        for number in near.chain(between).chain(odd) {
            let bits = number.to_bits();
            let expected = at(number).unwrap_or(bounds.len() - 1);
            assert_eq!(index.find(number), expected, "{number:?} {bits:x}");
            assert_eq!(apart.find(number), at(number).unwrap_or(bounds.len()), "{number:?}");
        }
    }

    fn powers(of: f64, count: i32) -> impl Iterator<Item = f64> {
        (0..count).map(move |at| of.powi(at - count / 2))
    }

    #[test]
    fn find_returns_the_first_part_that_is_not_below_the_number() {
        check([0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0]);
        check((0..1_000).map(|at| -3.0 + 0.01 * f64::from(at)));
        for count in [254, 255, 256, 70_000] {
            check((0..count).map(f64::from));
        }
        // Many close bounds and a distant one make the ranges wide.
        check((0..300).map(|at| 1e9 + f64::from(at)).chain([1e300]));
        check([1e-300].into_iter().chain((0..300).map(|at| 1e9 + f64::from(at))));
        check(powers(2.0, 2_040));
        check(powers(2_f64.powf(0.125), 2_000));
        check(powers(1.001, 5_000));
        check([0.0]);
        check([-0.0]);
        check([-2.0, -0.0, 1.0]);
        check([]);
        check([-1.0, -0.5, 0.0, f64::MAX]);
        check([f64::MIN, -5e-324, 5e-324]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn find_is_correct_for_any_bounds(mut bounds in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 1..400)) {
            bounds.sort_by(f64::total_cmp);
            bounds.dedup();
            check(bounds);
        }
    }

    #[test]
    fn equal_bounds_share_one_table() {
        let uppers = [0.125, 77.0, f64::INFINITY];
        let (one, other) = (Index::new(&uppers, false), Index::new(&uppers, false));
        assert!(Arc::ptr_eq(&one.0, &other.0));
        assert!(!Arc::ptr_eq(&one.0, &Index::new(&uppers, true).0));
        let weak = Arc::downgrade(&one.0);
        drop((one, other));
        assert!(weak.upgrade().is_none());
    }
}
