//! Writes the points of summaries and histograms.

use crate::encode::protobuf::messages::{Bound, Observed, float};
use crate::encode::protobuf::otlp::fields::{exponential, histogram, summary};
use crate::encode::protobuf::otlp::parts::write_exemplar;
use crate::encode::protobuf::wire;
use crate::model::native::NativeHistogram;
use crate::model::value::Value;

pub(super) fn write_summary(observed: &Observed, out: &mut Vec<u8>) {
    wire::fixed64(summary::COUNT, observed.count.map_or(0, rounded), out);
    wire::double(summary::SUM, observed.sum.map_or(0.0, float), out);
    for Bound { at, value, .. } in &observed.bounds {
        wire::message(summary::QUANTILE, out, |out| {
            wire::double(summary::QUANTILE_OF, *at, out);
            wire::double(summary::QUANTILE_VALUE, float(*value), out);
        });
    }
}

/// Writes a histogram, whose buckets count the numbers between two bounds. The last bucket is
/// unbounded. Servers may refuse a request whose buckets do not add up to the count. So if the
/// cumulative buckets of a custom collector decrease, the earlier value is used, and the count is
/// at least that value.
pub(super) fn write_histogram(observed: &Observed, out: &mut Vec<u8>) {
    let finite = observed.bounds.iter().filter(|bucket| bucket.at.is_finite());
    let last = observed.bounds.last().map(|bucket| bucket.value);
    let all = observed.count.or(last).map_or(0, rounded);
    let most = finite.clone().map(|bucket| rounded(bucket.value)).max();
    let all = most.map_or(all, |most| all.max(most));
    wire::fixed64(histogram::COUNT, all, out);
    // A sum that may go down is omitted, by the data model of OpenTelemetry, "Histogram".
    let may_go_down = observed.bounds.first().is_some_and(|bucket| bucket.at < 0.0);
    if let (Some(sum), false) = (observed.sum, may_go_down) {
        wire::double(histogram::SUM, float(sum), out);
    }
    let mut below = 0;
    let cumulative = finite.clone().map(|bucket| rounded(bucket.value)).chain([all]);
    let counts = cumulative.map(|count| {
        let count = count.max(below);
        count - std::mem::replace(&mut below, count)
    });
    wire::packed(histogram::BUCKET_COUNTS, counts, out);
    wire::packed(histogram::BOUNDS, finite.map(|bucket| bucket.at.to_bits()), out);
    for Bound { exemplar, .. } in &observed.bounds {
        write_exemplar(histogram::EXEMPLAR, exemplar.as_deref(), out);
    }
}

/// Writes a histogram by its native buckets.
pub(super) fn write_exponential(native: &NativeHistogram, observed: &Observed, out: &mut Vec<u8>) {
    wire::fixed64(exponential::COUNT, native.count, out);
    if native.negative.is_empty() {
        wire::double(exponential::SUM, native.sum, out);
    }
    wire::signed(exponential::SCALE, native.schema.into(), out);
    wire::fixed64(exponential::ZERO_COUNT, native.zero_count, out);
    wire::double(exponential::ZERO_THRESHOLD, native.zero_threshold, out);
    for (field, buckets) in
        [(exponential::POSITIVE, &native.positive), (exponential::NEGATIVE, &native.negative)]
    {
        let Some((first, _)) = buckets.first() else { continue };
        wire::message(field, out, |out| {
            // Prometheus numbers buckets by their upper bounds, and OTLP by their lower bounds.
            wire::signed(exponential::OFFSET, i64::from(first - 1), out);
            wire::packed_varints(exponential::COUNTS, dense(buckets), out);
        });
    }
    for Bound { exemplar, .. } in &observed.bounds {
        write_exemplar(exponential::EXEMPLAR, exemplar.as_deref(), out);
    }
}

/// Returns the count of each bucket from the first one on, including empty buckets.
///
/// The bucket of infinity of Prometheus is far beyond all others. Here it directly follows the last
/// one.
pub(super) fn dense(buckets: &[(i32, u64)]) -> impl Iterator<Item = u64> + '_ {
    /// The maximum number of buckets, more than a histogram has in its range.
    const FAR: i32 = 8_192;
    let mut next = buckets.first().map_or(0, |(first, _)| *first);
    buckets.iter().flat_map(move |(index, count)| {
        let gap = if index - next > FAR { 0 } else { index - next };
        next = next.saturating_add(gap + 1);
        let empty = usize::try_from(gap).unwrap_or_default();
        std::iter::repeat_n(0, empty).chain([*count])
    })
}

/// Returns a count as an integer. Only a custom collector may have a fraction, which is cut off.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn rounded(count: Value) -> u64 {
    match count {
        Value::Integer(count) => count,
        Value::Float(count) => count as u64,
    }
}
