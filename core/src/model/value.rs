//! The value of a sample, and the values of a metric that has several.

use crate::model::layout::{Layout, Part};
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

/// Appends the values of a metric of any type that counts in cells. The first parts are cumulative
/// counts, each with one cell more than the part before. The totals of all cells follow, then the
/// counts of native buckets, if there are any.
pub(crate) fn push_values(layout: &Layout, cells: &[(u64, f64)], values: &mut Vec<Option<Value>>) {
    let (mut count, mut sum) = (0_u64, 0.0);
    let (buckets, totals) = layout.parts().split_at(layout.before_totals());
    let total = |part: &Part, count, sum| match part.suffix {
        "_sum" => Some(Value::Float(sum)),
        _ => Some(Value::Integer(count)),
    };
    let start = values.len();
    let Some(native) = layout.native() else {
        for (in_cell, of_cell) in cells {
            count = count.saturating_add(*in_cell);
            sum += of_cell;
            values.push(Some(Value::Integer(count)));
        }
        // The only cell of a layout without buckets is in no part but the totals.
        values.truncate(start + buckets.len());
        values.extend(totals.iter().map(|part| total(part, count, sum)));
        return;
    };
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
    for (value, part) in exposed[buckets.len()..].iter_mut().zip(totals) {
        *value = total(part, count, sum);
    }
}

/// Returns the values of a summary, in the order of `prometheus_client`.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::layout::PartLabel;

    #[test]
    fn values_follow_the_layout_of_any_type() {
        let part = |suffix, label| Part { suffix, label };
        let bucket = |upper| part("_bucket", Some(PartLabel::Number("le", upper)));
        let state = Some(PartLabel::Text("of".into(), "all".into()));
        let (count, sum) = (part("_count", None), part("_sum", None));
        let cells = [(2, 1.5), (1, 7.0)];
        let all = [Value::Integer(3), Value::Float(8.5)];
        for (parts, cells, expected) in [
            (
                vec![count.clone(), sum.clone()],
                &cells[..1],
                vec![Value::Integer(2), Value::Float(1.5)],
            ),
            (vec![sum.clone()], &cells[..1], vec![Value::Float(1.5)]),
            (
                vec![part("", None), sum.clone()],
                &cells[..1],
                vec![Value::Integer(2), Value::Float(1.5)],
            ),
            (vec![bucket(1.0), part("", state)], &cells[..], vec![Value::Integer(2), all[0]]),
            (
                vec![bucket(1.0), bucket(2.0), sum, count],
                &cells[..],
                vec![Value::Integer(2), all[0], all[1], all[0]],
            ),
        ] {
            let layout = Layout::new(parts);
            let mut values = vec![None];
            push_values(&layout, cells, &mut values);
            assert_eq!(layout.cells(), cells.len(), "{layout:?}");
            let expected = expected.into_iter().map(Some);
            assert_eq!(values[1..], expected.collect::<Vec<_>>(), "{layout:?}");
        }
    }
}
