//! Compares histograms with those of the `prometheus` crate, for random observations. Also takes
//! all metric types over the bridge to that crate and back.

use dataclay_metrics_core::encode::Format;
use dataclay_metrics_core::prometheus::PrometheusRegistry;
use dataclay_metrics_core::{Buckets, Family, Histogram, Opts, Registry, StateSet, Summary};
use proptest::prelude::*;

/// Returns the exposition of a registry of the `prometheus` crate, in the encoding of this crate.
fn over_the_bridge(theirs: prometheus::Registry) -> String {
    let registry = Registry::new();
    registry.register(&PrometheusRegistry::new(theirs)).expect("the first");
    registry.encode(Format::Text)
}

/// Generates bounds in eighths. Numbers are in eighths too, so that sums are exact in any order.
fn bounds() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::btree_set(-400..400_i32, 1..20)
        .prop_map(|all| all.into_iter().map(|bound| f64::from(bound) / 8.0).collect())
}

fn numbers() -> impl Strategy<Value = Vec<(bool, f64)>> {
    let eighths = (-500..500_i32).prop_map(|number| f64::from(number) / 8.0);
    let odd = prop::sample::select(vec![f64::NEG_INFINITY, 1e300, f64::MIN_POSITIVE, -0.0]);
    prop::collection::vec((any::<bool>(), prop_oneof![20 => eighths, 1 => odd]), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn histograms_are_exposed_as_by_the_prometheus_crate(bounds in bounds(), numbers in numbers()) {
        let opts = prometheus::HistogramOpts::new("h", "help").buckets(bounds.clone());
        let theirs = prometheus::HistogramVec::new(opts, &["of"]).expect("valid");
        let their_registry = prometheus::Registry::new();
        their_registry.register(Box::new(theirs.clone())).expect("the first");

        let opts = Opts::new("h", "help").buckets(Buckets::new(bounds).expect("ascending"));
        let ours = Family::<Histogram>::with_opts(opts, ["of"]).expect("valid");
        let registry = Registry::new();
        registry.register(&ours).expect("the first");

        for (first, number) in &numbers {
            let of = if *first { "a" } else { "b" };
            theirs.with_label_values(&[of]).observe(*number);
            ours.with_labels([of]).expect("room").observe(*number);
        }
        let sorted = |text: &str| {
            // `prometheus` sorts children by a hash.
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let (one, other) = (registry.encode(Format::Text), over_the_bridge(their_registry));
        if numbers.is_empty() {
            // `prometheus` exposes no family without children.
            prop_assert_eq!(other, "");
        } else {
            prop_assert_eq!(sorted(&one), sorted(&other));
        }
    }
}

#[test]
fn metrics_of_every_type_cross_the_bridge_twice_unchanged() {
    let registry = Registry::new();
    let histogram = Histogram::new("h", "help").expect("valid");
    let summary = Family::<Summary>::new("s", "help", ["of"]).expect("valid");
    let states = Opts::new("state", "help").states(["a", "b"]);
    let states = StateSet::with_opts(states).expect("valid");
    registry.register(&histogram).expect("the first");
    registry.register(&summary).expect("a new name");
    registry.register(&states).expect("a new name");
    for number in [0.0, 0.3, 7.0, 1e9] {
        histogram.observe(number);
        summary.with_labels(["x"]).expect("room").observe(number);
    }
    let theirs = prometheus::Registry::new();
    theirs.register(Box::new(registry.clone())).expect("the first");
    let text = registry.encode(Format::Text);
    assert_eq!(over_the_bridge(theirs), text);
    assert!(text.contains("\nh_bucket{le=\"+Inf\"} 4\nh_count 4\nh_sum 1000000007.3\n"), "{text}");
    assert!(text.contains("\ns_count{of=\"x\"} 4\ns_sum{of=\"x\"} 1000000007.3\n"), "{text}");
    assert!(text.contains("\nstate{state=\"a\"} 1\nstate{state=\"b\"} 0\n"), "{text}");
    let text = registry.encode(Format::OpenMetrics);
    assert!(text.contains("\n# TYPE state stateset\n"), "{text}");
}
