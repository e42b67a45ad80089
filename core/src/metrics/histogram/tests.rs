use super::*;
use crate::encode::{self, Format};
use crate::metrics::family::Family;
use crate::registry::Registry;
use crate::registry::collector::Collector;
use crate::sync::cell::tests::SHARED_ONLY;

fn of(bounds: &[f64]) -> Histogram {
    let buckets = Buckets::new(bounds.iter().copied()).expect("valid");
    Histogram::with_opts(Opts::new("h", "").buckets(buckets)).expect("valid")
}

fn samples(histogram: &Histogram) -> Vec<f64> {
    let number = |value| match value {
        Value::Integer(count) => count as f64,
        Value::Float(number) => number,
    };
    histogram.collect()[0].samples.iter().map(|sample| number(sample.value)).collect()
}

/// Runs a test twice, the second time as on a processor without 16-byte stores.
fn with_and_without_wide_stores(test: impl Fn()) {
    test();
    SHARED_ONLY.set(true);
    test();
    SHARED_ONLY.set(false);
}

#[test]
fn each_number_is_counted_in_its_bucket() {
    with_and_without_wide_stores(|| {
        let histogram = of(&[1.0, 2.0]);
        for number in [0.5, 1.0, 1.5, 2.0, 2.5, f64::MAX] {
            histogram.observe(number);
        }
        assert_eq!(samples(&histogram), [2.0, 4.0, 6.0, 6.0, f64::MAX]);
        histogram.observe(-9.0);
        assert_eq!((histogram.sum(), histogram.count()), (f64::MAX - 9.0, 7));
    });
}

#[test]
fn special_numbers_are_counted_as_in_client_golang() {
    with_and_without_wide_stores(|| {
        let histogram = of(&[0.0]);
        histogram.observe(-0.0);
        histogram.observe(f64::NEG_INFINITY);
        assert_eq!(samples(&histogram), [2.0, 2.0, 2.0, f64::NEG_INFINITY]);
        histogram.observe(f64::INFINITY);
        assert_eq!(samples(&histogram)[..2], [2.0, 3.0]);
        assert!(histogram.sum().is_nan());
        let histogram = of(&[0.0]);
        histogram.observe(f64::NAN);
        histogram.observe(1.0);
        assert_eq!((histogram.count(), histogram.sum().is_nan()), (2, true));
        assert_eq!(samples(&histogram)[..2], [0.0, 2.0]);
    });
}

#[test]
fn counts_stop_at_the_maximum() {
    with_and_without_wide_stores(|| {
        let histogram = of(&[1.0]);
        histogram.observe_n(f64::INFINITY, 0);
        assert_eq!((histogram.count(), histogram.sum()), (0, 0.0));
        histogram.observe_n(0.5, u64::MAX - 1);
        histogram.observe(0.5);
        histogram.observe(0.5);
        histogram.observe_n(2.0, 3);
        let values = histogram.collect()[0].samples.to_vec();
        let all = Value::Integer(u64::MAX);
        assert_eq!([values[0].value, values[1].value, values[2].value], [all; 3]);
    });
}

#[test]
fn threads_and_clones_count_in_one_histogram() {
    with_and_without_wide_stores(|| {
        let family = Family::<Histogram>::new("h", "", ["of"]).expect("valid");
        let shared_only = SHARED_ONLY.get();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let family = &family;
                scope.spawn(move || {
                    SHARED_ONLY.set(shared_only);
                    for round in 0..100 {
                        let child = family.with_labels([(round % 2).to_string()]);
                        child.expect("room").observe(f64::from(thread));
                    }
                });
            }
        });
        for of in ["0", "1"] {
            let child = family.with_labels([of]).expect("room");
            assert_eq!((child.count(), child.sum()), (200, 300.0));
        }
        assert!(family.remove(["0"]));
        assert_eq!(family.with_labels(["0"]).expect("room").count(), 0);
    });
}

#[test]
fn a_histogram_may_have_more_buckets_than_the_stack_buffer() {
    let buckets = Buckets::linear(0.0, 1.0, 300).expect("valid");
    let opts = Opts::new("h", "").buckets(buckets);
    let family = Family::<Histogram>::with_opts(opts, ["of"]).expect("valid");
    for of in ["x", "y", "z"] {
        let child = family.with_labels([of]).expect("room");
        (0..301).for_each(|number| child.observe(f64::from(number)));
        assert_eq!((child.count(), child.sum()), (301, 45_150.0));
    }
    let values = family.collect()[0].samples.iter().map(|sample| sample.value).collect::<Vec<_>>();
    assert_eq!(values.len(), 3 * 303);
    assert_eq!(values[300], Value::Integer(301));
}

#[test]
fn a_histogram_may_have_the_maximum_number_of_bounds() {
    let buckets = Buckets::linear(0.0, 1.0, 1 << 16).expect("valid");
    let histogram = Histogram::with_opts(Opts::new("h", "").buckets(buckets)).expect("room");
    histogram.observe(65_535.5);
    histogram.observe(65_534.5);
    // The last two bounds, +Inf, the count and the sum.
    assert_eq!(samples(&histogram)[65_534..], [0.0, 1.0, 2.0, 2.0, 131_070.0]);
}

#[test]
fn reserved_labels_and_options_of_families_are_refused() {
    let labels = Labels::new([("le", "x")]).expect("valid");
    assert!(Histogram::with_opts(Opts::new("h", "").const_labels(labels)).is_err());
    assert!(Family::<Histogram>::new("h", "", ["le"]).is_err());
    assert!(Histogram::with_opts(Opts::new("h", "").max_children(1)).is_err());
}

#[test]
fn open_metrics_omits_a_sum_that_may_decrease() {
    let registry = Registry::new();
    registry.register(&of(&[-1.0, 1.0])).expect("the first");
    let text = "# HELP h \n# TYPE h histogram\nh_bucket{le=\"-1.0\"} 0\nh_bucket{le=\"1.0\"} 0\n\
                h_bucket{le=\"+Inf\"} 0\n";
    assert_eq!(registry.encode(Format::Text), format!("{text}h_count 0\nh_sum 0\n"));
    assert_eq!(registry.encode(Format::OpenMetrics), format!("{text}# EOF\n"));
    assert_eq!(encode::open_metrics(&registry.gather()), format!("{text}# EOF\n"));
}
