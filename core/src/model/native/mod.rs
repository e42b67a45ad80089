//! Native histograms: buckets whose bounds are powers of one base, which the [`schema`] chooses.
//!
//! [`schema`]: crate::model::schema

use std::iter;

use crate::model::error::Error;
use crate::model::schema::{SCHEMAS, index, next_up, upper_bound};

/// The native buckets that a histogram has in addition to its explicit ones.
///
/// Prometheus accepts them only in its protobuf format; the text formats expose the explicit
/// buckets. Both show the same observations.
///
/// A number whose absolute value is at most the zero threshold is counted in the zero bucket. A
/// number beyond the largest one is counted in the bucket of infinity. So is a negative number,
/// unless [`NativeBuckets::with_negative`] was called. NaN is counted in no native bucket.
///
/// Each bucket takes 16 bytes for each thread that observes, as an explicit one does. Memory is
/// allocated page by page, as buckets are used. An exposition has at most
/// [`max_buckets`](NativeBuckets::max_buckets) that are not empty. If there are more, neighbours
/// are merged, which makes the schema coarser.
///
/// ```
/// use dataclay_metrics_core::{Histogram, NativeBuckets, Opts};
///
/// // Eight buckets between a number and its double, from a microsecond to a thousand seconds.
/// let native = NativeBuckets::new(3, 1e-6, 1e3)?;
/// let seconds = Opts::new("wait_seconds", "Time waited").native_buckets(native);
/// let seconds = Histogram::with_opts(seconds)?;
/// seconds.observe(0.5);
/// seconds.observe(0.51);
/// let native = seconds.native().expect("chosen above");
/// assert_eq!((native.schema, native.positive), (3, vec![(-8, 1), (-7, 1)]));
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NativeBuckets {
    schema: i32,
    zero_threshold: f64,
    /// The first and the last bucket of positive numbers.
    first: i32,
    last: i32,
    has_negative: bool,
    max_buckets: usize,
}

/// The maximum number of native buckets of a histogram. A thread has room for eight such
/// histograms.
const MAX_CELLS: usize = 8_192;

impl NativeBuckets {
    /// The default of the maximum number of buckets in an exposition.
    const MAX_BUCKETS: usize = 160;

    /// Returns native buckets for numbers above `zero_threshold`, up to the end of the bucket in
    /// which `largest` is. `schema` is their resolution: 2^`schema` buckets between a number and
    /// its double.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] unless `schema` is between -4 and 8, `zero_threshold` is at least
    /// 2^-1022, and `largest` is finite and larger than `zero_threshold`. Also if there would be
    /// more than 8,192 buckets.
    pub fn new(schema: i32, zero_threshold: f64, largest: f64) -> Result<NativeBuckets, Error> {
        let refused = |name: &str, value: String, rule: &str| {
            Err(Error::Setting { name: name.into(), value, rule: rule.into() })
        };
        if !SCHEMAS.contains(&schema) {
            return refused("schema", schema.to_string(), "a schema is between -4 and 8");
        }
        if !zero_threshold.is_normal() || zero_threshold < 0.0 {
            let rule = "a zero threshold is at least 2^-1022, and finite";
            return refused("zero_threshold", zero_threshold.to_string(), rule);
        }
        if !largest.is_finite() || largest <= zero_threshold {
            let rule = "the largest number is above the zero threshold, and finite";
            return refused("largest", largest.to_string(), rule);
        }
        let first = index(schema, next_up(zero_threshold));
        let buckets = NativeBuckets {
            schema,
            zero_threshold,
            first,
            last: index(schema, largest),
            has_negative: false,
            max_buckets: NativeBuckets::MAX_BUCKETS,
        };
        buckets.check()
    }

    /// Adds as many buckets for negative numbers.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] if there would be more than 8,192 buckets.
    pub fn with_negative(self) -> Result<NativeBuckets, Error> {
        NativeBuckets { has_negative: true, ..self }.check()
    }

    /// Sets the maximum number of non-empty buckets in an exposition, not counting the zero bucket.
    /// The default is 160. With the coarsest schema, -4, an exposition may have more.
    #[must_use]
    pub fn max_buckets(self, max_buckets: usize) -> NativeBuckets {
        NativeBuckets { max_buckets, ..self }
    }

    fn check(self) -> Result<NativeBuckets, Error> {
        let len = self.indexes().count() * (1 + usize::from(self.has_negative));
        if len > MAX_CELLS {
            let rule = format!("a histogram has at most {MAX_CELLS}");
            let value = len.to_string();
            return Err(Error::Setting { name: "native buckets".into(), value, rule });
        }
        Ok(self)
    }

    /// Returns the fields by which two sets of native buckets are equal.
    pub(crate) fn fields(&self) -> [u64; 5] {
        let largest = upper_bound(self.schema, self.last);
        [
            u64::try_from(self.schema - SCHEMAS.start()).unwrap_or(u64::MAX),
            self.zero_threshold.to_bits(),
            largest.to_bits(),
            u64::from(self.has_negative),
            self.max_buckets as u64,
        ]
    }

    /// Returns the native buckets with these fields, or `None` if they are not valid.
    pub(crate) fn from_fields([schema, zero, largest, negative, most]: [u64; 5]) -> Option<Self> {
        let schema = i32::try_from(schema).ok()?.checked_add(*SCHEMAS.start())?;
        let largest = f64::from_bits(largest);
        let buckets = NativeBuckets::new(schema, f64::from_bits(zero), largest).ok()?;
        let buckets = buckets.max_buckets(usize::try_from(most).ok()?);
        if negative == 0 { Some(buckets) } else { buckets.with_negative().ok() }
    }

    fn indexes(&self) -> impl DoubleEndedIterator<Item = i32> + Clone {
        self.first..=self.last
    }

    /// Returns the bucket of a number that is not NaN.
    fn bucket(&self, number: f64) -> Bucket {
        let size = number.abs();
        let beyond = index(self.schema, f64::MAX) + 1;
        let at = |is_counted: bool| match index(self.schema, size.min(f64::MAX)) {
            at if is_counted && size.is_finite() && at <= self.last => at,
            _ => beyond,
        };
        match number {
            _ if size <= self.zero_threshold => Bucket::Zero,
            _ if number > 0.0 => Bucket::Positive(at(true)),
            _ => Bucket::Negative(at(self.has_negative)),
        }
    }

    /// Returns the largest number of each bucket but the last, in ascending order. Buckets of
    /// negative numbers include their lower end, so the largest number is the one below the next.
    fn uppers(&self) -> impl Iterator<Item = f64> {
        let ends = iter::once(self.zero_threshold);
        let ends = ends.chain(self.indexes().map(|index| upper_bound(self.schema, index)));
        let negative = if self.has_negative { usize::MAX } else { 1 };
        let mut negative: Vec<f64> = ends.clone().take(negative).map(|end| -next_up(end)).collect();
        negative.reverse();
        negative.into_iter().chain(ends)
    }
}

/// A native bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bucket {
    Negative(i32),
    Zero,
    Positive(i32),
}

/// The cells of a histogram with native buckets. They are the intervals between neighbouring
/// bounds, explicit or native. The last one is the cell of NaN. Each cell is in one explicit bucket
/// and in one native bucket, so both views show the same observations.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Native {
    buckets: NativeBuckets,
    /// The largest number of each cell.
    uppers: Box<[f64]>,
    cells: Box<[Cell]>,
    /// The native buckets that have cells, in ascending order.
    in_order: Box<[Bucket]>,
}

/// The buckets of a cell, by their index.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cell {
    pub(crate) explicit: usize,
    /// `None` for NaN.
    pub(crate) native: Option<usize>,
}

impl Native {
    /// Returns the cells of a histogram with these explicit bounds, of which the last is infinity.
    pub(crate) fn new(buckets: NativeBuckets, explicit: &[f64]) -> Native {
        let mut uppers: Vec<f64> = explicit.iter().copied().chain(buckets.uppers()).collect();
        uppers.sort_by(f64::total_cmp);
        uppers.dedup();
        let mut in_order: Vec<Bucket> = Vec::new();
        let mut cells: Vec<Cell> = Vec::new();
        for upper in &uppers {
            let bucket = buckets.bucket(*upper);
            if in_order.last() != Some(&bucket) {
                in_order.push(bucket);
            }
            let explicit = explicit.partition_point(|bound| bound < upper);
            cells.push(Cell { explicit, native: Some(in_order.len() - 1) });
        }
        cells.push(Cell { explicit: explicit.len() - 1, native: None });
        let (uppers, cells) = (uppers.into(), cells.into());
        Native { buckets, uppers, cells, in_order: in_order.into() }
    }

    /// Returns the native buckets that were chosen.
    pub(crate) fn buckets(&self) -> &NativeBuckets {
        &self.buckets
    }

    /// Returns the largest number of each cell but that of NaN, which is the one after them.
    pub(crate) fn uppers(&self) -> &[f64] {
        &self.uppers
    }

    /// Returns the buckets of each cell.
    pub(crate) fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// Returns how many native buckets have cells.
    pub(crate) fn len(&self) -> usize {
        self.in_order.len()
    }

    /// Returns the native histogram with these counts, one for each native bucket.
    pub(crate) fn histogram(
        &self,
        counts: impl Iterator<Item = u64>,
        (count, sum): (u64, f64),
    ) -> NativeHistogram {
        let NativeBuckets { schema, zero_threshold, max_buckets, .. } = self.buckets;
        let (positive, negative) = (Vec::new(), Vec::new());
        let mut all = NativeHistogram {
            schema,
            zero_threshold,
            zero_count: 0,
            positive,
            negative,
            count,
            sum,
        };
        for (bucket, count) in self.in_order.iter().zip(counts).filter(|(_, count)| *count > 0) {
            match bucket {
                Bucket::Negative(index) => all.negative.push((*index, count)),
                Bucket::Zero => all.zero_count = count,
                Bucket::Positive(index) => all.positive.push((*index, count)),
            }
        }
        // So far, from far below zero to near it.
        all.negative.reverse();
        while all.schema > *SCHEMAS.start() && all.positive.len() + all.negative.len() > max_buckets
        {
            all.make_coarser();
        }
        all
    }
}

/// The native buckets of a histogram at one gather, from the same observations as its explicit
/// ones.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeHistogram {
    /// The resolution: 2^`schema` buckets between a number and its double.
    pub schema: i32,
    /// The largest absolute value of numbers in the zero bucket.
    pub zero_threshold: f64,
    /// The number of observations in the zero bucket.
    pub zero_count: u64,
    /// The buckets of positive numbers that are not empty: index and count, by ascending index.
    pub positive: Vec<(i32, u64)>,
    /// The buckets of negative numbers that are not empty: index and count, by ascending index.
    pub negative: Vec<(i32, u64)>,
    /// The number of observations. NaN is in no bucket, so only NaN makes this more than the
    /// sum of all buckets.
    pub count: u64,
    /// The sum of all numbers that were observed.
    pub sum: f64,
}

impl NativeHistogram {
    /// Returns the upper bound of a bucket of positive numbers: 2^(`index` * 2^-`schema`), or
    /// `f64::MAX` in place of 2^1024, as in Prometheus. The next bucket is that of infinity.
    pub fn upper_bound(&self, index: i32) -> f64 {
        upper_bound(self.schema, index)
    }

    /// Merges each pair of neighbours into one bucket of the next coarser schema.
    fn make_coarser(&mut self) {
        self.schema -= 1;
        for buckets in [&mut self.positive, &mut self.negative] {
            let mut merged: Vec<(i32, u64)> = Vec::with_capacity(buckets.len());
            for (index, count) in buckets.iter() {
                // Half of it, rounded up.
                let index = (index + 1) >> 1;
                match merged.last_mut() {
                    Some((last, sum)) if *last == index => *sum = sum.saturating_add(*count),
                    _ => merged.push((index, *count)),
                }
            }
            *buckets = merged;
        }
    }
}

#[cfg(test)]
mod tests;
