//! The value of a sample, and the values of a metric that has several.

use crate::model::layout::Layout;
use crate::model::native::NativeHistogram;

/// A sample's number. A counter of whole amounts stays an exact integer below 2^64.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// An exact count.
    Integer(u64),
    /// Any other number, including NaN and infinities.
    Float(f64),
}

impl Value {
    /// Returns the sum of both amounts of a counter. If neither amount shrinks, the sum does not,
    /// even when another of the cases below applies.
    #[inline]
    pub(crate) fn count(whole: u64, fractions: f64) -> Value {
        #[cold]
        fn with_fractions(whole: u64, fractions: f64) -> Value {
            /// 2^53: below it an f64 holds every whole number, so the sum is not less than `whole`.
            const EXACT: f64 = 9_007_199_254_740_992.0;
            /// 2^64, the number after the largest u64.
            const BEYOND: f64 = 18_446_744_073_709_551_616.0;
            let sum = whole as f64 + fractions;
            if sum < EXACT {
                return Value::Float(sum);
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let fits = if fractions < BEYOND { whole.checked_add(fractions as u64) } else { None };
            fits.map_or(Value::Float(sum.max(BEYOND)), Value::Integer)
        }
        if fractions == 0.0 { Value::Integer(whole) } else { with_fractions(whole, fractions) }
    }
}

/// Appends the values of a histogram: cumulative counts, the count, the sum, and the counts of its
/// native buckets, if it has any.
pub(crate) fn push_buckets(layout: &Layout, cells: &[(u64, f64)], values: &mut Vec<Option<Value>>) {
    let (mut count, mut sum) = (0_u64, 0.0);
    let Some(native) = layout.native() else {
        for (in_bucket, of_bucket) in cells {
            count = count.saturating_add(*in_bucket);
            sum += of_bucket;
            values.push(Some(Value::Integer(count)));
        }
        values.extend(count_and_sum((count, sum)));
        return;
    };
    let start = values.len();
    values.resize(start + layout.width(), Some(Value::Integer(0)));
    let (exposed, native_counts) = values[start..].split_at_mut(layout.parts().len());
    for ((in_cell, of_cell), cell) in cells.iter().zip(native.cells()) {
        count = count.saturating_add(*in_cell);
        sum += of_cell;
        // The last cell of the bucket writes the final value.
        exposed[cell.explicit] = Some(Value::Integer(count));
        if let Some(Value::Integer(of_native)) =
            cell.native.and_then(|at| native_counts[at].as_mut())
        {
            *of_native = of_native.saturating_add(*in_cell);
        }
    }
    let all = exposed.len() - 2;
    exposed[all..].copy_from_slice(&count_and_sum((count, sum)));
}

/// Returns the values of a summary, which are the last two of a histogram. They are in the order of
/// `prometheus_client`.
pub(crate) fn count_and_sum((count, sum): (u64, f64)) -> [Option<Value>; 2] {
    [Some(Value::Integer(count)), Some(Value::Float(sum))]
}

/// Returns the native histogram among the values of one metric, or `None` if the metric has no
/// native buckets.
pub(crate) fn native_histogram(
    layout: &Layout,
    values: &[Option<Value>],
) -> Option<NativeHistogram> {
    let native = layout.native()?;
    let (exposed, counts) = values.split_at_checked(layout.parts().len())?;
    let count = |value: &Option<Value>| match value {
        Some(Value::Integer(count)) => *count,
        _ => 0,
    };
    let [.., all, Some(Value::Float(sum))] = exposed else { return None };
    Some(native.histogram(counts.iter().map(count), (count(all), *sum)))
}
