use super::*;
use crate::model::schema::index_as_in_prometheus;

/// Compares the cell of each number with the buckets that the definition assigns to it.
#[test]
fn each_cell_is_in_one_explicit_and_one_native_bucket() {
    let explicit = [-1.0, 0.0, 0.3, 1.0, 2.0, f64::INFINITY];
    for (schema, zero, largest) in
        [(-4, 1e-300, f64::MAX), (0, 0.25, 8.0), (3, 1e-3, 100.0), (8, 0.9, 1.1)]
    {
        let positive = NativeBuckets::new(schema, zero, largest).expect("valid");
        for buckets in [positive.clone(), positive.with_negative().expect("few")] {
            let native = Native::new(buckets.clone(), &explicit);
            let uppers = native.uppers();
            assert!(uppers.is_sorted_by(|one, other| one < other));
            assert_eq!(native.cells().len(), uppers.len() + 1);
            let near = uppers.iter().flat_map(|upper| {
                [upper.next_down(), *upper, upper.next_up(), -upper, upper / 1.01, 0.0]
            });
            let odd = [5e-324, -5e-324, f64::MIN_POSITIVE, f64::MAX, f64::MIN, -f64::INFINITY];
            for number in near.chain(odd).filter(|number| !number.is_nan()) {
                let cell = native.cells()[uppers.partition_point(|upper| *upper < number)];
                let bucket = explicit.iter().position(|upper| number <= *upper);
                assert_eq!(Some(cell.explicit), bucket, "{number:e}");
                let beyond = index_as_in_prometheus(schema, f64::INFINITY);
                let is_indexed = number > 0.0 || buckets.has_negative;
                let end = upper_bound(schema, buckets.last);
                let index = if is_indexed && number.abs() <= end {
                    index_as_in_prometheus(schema, number.abs().max(zero))
                } else {
                    beyond
                };
                let expected = match number {
                    _ if number.abs() <= zero => Bucket::Zero,
                    _ if number > 0.0 => Bucket::Positive(index),
                    _ => Bucket::Negative(index),
                };
                let found = cell.native.map(|at| native.in_order[at]);
                assert_eq!(found, Some(expected), "schema {schema}, {number:e}");
            }
            let nan = native.cells().last().expect("one for NaN");
            assert_eq!(*nan, Cell { explicit: explicit.len() - 1, native: None });
            let fields = buckets.fields();
            assert_eq!(NativeBuckets::from_fields(fields), Some(buckets));
        }
    }
}

#[test]
fn neighbouring_buckets_are_merged_down_to_the_maximum() {
    let buckets = NativeBuckets::new(3, 2_f64.powi(-10), 1024.0).expect("valid");
    let read = |most: usize| {
        let buckets = buckets.clone().max_buckets(most);
        let native = Native::new(buckets.with_negative().expect("few"), &[1.0, f64::INFINITY]);
        let counts = (1..).take(native.len());
        native.histogram(counts, (7, 0.5))
    };
    let total = |of: &[(i32, u64)]| of.iter().map(|(_, count)| count).sum::<u64>();
    let fine = read(1_000);
    assert_eq!((fine.schema, fine.positive.len(), fine.negative.len()), (3, 161, 161));
    let mut before = fine.clone();
    for (most, schema, len) in
        [(200, 2, 81), (160, 1, 41), (80, 0, 21), (40, -1, 11), (20, -2, 7), (5, -4, 3)]
    {
        let read = read(most);
        assert_eq!((read.schema, read.positive.len(), read.negative.len()), (schema, len, len));
        assert_eq!(
            (total(&read.positive), total(&read.negative)),
            (total(&fine.positive), total(&fine.negative))
        );
        // Each merged bucket has the counts of the finer buckets within its bounds.
        for (index, count) in &read.positive {
            let end = read.upper_bound(*index);
            let start =
                if read.upper_bound(index - 1) < end { read.upper_bound(index - 1) } else { 0.0 };
            let is_within = |at: i32| {
                let upper = before.upper_bound(at);
                upper > start && upper <= end
            };
            let all = before.positive.iter().filter(|(at, _)| is_within(*at));
            assert_eq!(*count, all.map(|(_, count)| count).sum::<u64>(), "bucket {index}");
        }
        before = read;
    }
}

#[test]
fn invalid_native_buckets_are_refused_with_value_and_rule() {
    let refused = |buckets: Result<NativeBuckets, Error>| buckets.expect_err("refused").to_string();
    assert_eq!(
        refused(NativeBuckets::new(9, 0.1, 1.0)),
        "schema=\"9\": a schema is between -4 and 8"
    );
    for (wrong, value) in [
        (NativeBuckets::new(-5, 0.1, 1.0), "schema=\"-5\""),
        (NativeBuckets::new(3, 0.0, 1.0), "zero_threshold=\"0\""),
        (NativeBuckets::new(3, -1.0, 1.0), "zero_threshold=\"-1\""),
        (NativeBuckets::new(3, f64::NAN, 1.0), "zero_threshold=\"NaN\""),
        (NativeBuckets::new(3, 1.0, 1.0), "largest=\"1\""),
        (NativeBuckets::new(3, 1.0, f64::INFINITY), "largest=\"inf\""),
        (NativeBuckets::new(3, 1.0, f64::NAN), "largest=\"NaN\""),
        (NativeBuckets::new(8, 1e-300, 1e300), "at most 8192"),
        (NativeBuckets::new(8, 1e-5, 1e3).and_then(NativeBuckets::with_negative), "at most"),
    ] {
        let message = refused(wrong);
        assert!(message.contains(value), "{message}");
    }
}
