use super::*;
use crate::encode::protobuf::otlp::observed::dense;
use crate::encode::protobuf::points::Points;
use crate::model::labels::Labels;
use crate::model::layout::Part;
use crate::model::native::{Native, NativeBuckets};
use crate::model::sample;
use crate::model::snapshot::MetricFamily;
use crate::registry::collector::Sink;

#[test]
fn empty_buckets_are_zeros_and_infinity_follows_the_last_bucket() {
    let counts = |buckets: &[(i32, u64)]| dense(buckets).collect::<Vec<_>>();
    assert_eq!(counts(&[(-2, 1), (-1, 3), (2, 2)]), [1, 3, 0, 0, 2]);
    assert_eq!(counts(&[(7, 1), (262_145, 2)]), [1, 2]);
    assert_eq!(counts(&[]), [0; 0]);
}

/// Checks that all points of a family have the same type.
#[test]
fn native_buckets_are_sent_if_all_points_have_them() {
    let bytes = |native: &[&str]| {
        let mut family = MetricFamily::new(Kind::Histogram, "x", "").expect("valid");
        let buckets = NativeBuckets::new(2, 0.25, 64.0).expect("valid");
        let buckets = Native::new(buckets, &[f64::INFINITY]);
        for of in ["1", "2"] {
            let labels = Labels::new([("of", of)]).expect("valid");
            let value = [None, Some(Value::Integer(1)), None];
            let part = |suffix| Part { suffix, label: None };
            let parts = ["_bucket", "_count", "_sum"].map(part);
            sample::extend(&mut family.samples, &parts, &labels, None, &value);
            if native.contains(&of) {
                let none = buckets.cells().iter().map(|_| 0);
                family.samples.push_native(&labels, buckets.histogram(none, (1, 0.0)));
            }
        }
        let mut out = Vec::new();
        let now = 0;
        Points { messages: Otlp { now }, out: &mut out }.family(family);
        out
    };
    assert_eq!(bytes(&["2"]), bytes(&[]));
    assert_ne!(bytes(&["1", "2"]), bytes(&[]));
}

#[test]
fn units_are_written_in_ucum() {
    for (unit, expected) in [("seconds", "s"), ("bytes", "By"), ("objects", "{objects}")] {
        assert_eq!(ucum(unit), expected);
    }
}
