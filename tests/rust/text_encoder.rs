//! Our text format compared with that of the `prometheus` crate: any help, label value and number.

use std::collections::BTreeMap;

use dataclay_metrics_core::{Counter, Family, Gauge, Registry, encode};
use prometheus::{CounterVec, GaugeVec, Opts, TextEncoder};
use proptest::prelude::*;
use proptest::test_runner::Config;

/// Generates text that the format escapes, and any other. `prometheus` requires a help text.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[\\\\\"\n\r\t {}=,#a]{0,12}", "(?s).{0,8}"]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), any::<i64>().prop_map(|whole| whole as f64), Just(-0.0)]
}

/// Separates the comments from the samples. A sample is its text before the number, and the bits
/// of the number, which the two encoders write in different ways.
fn parsed(text: &str) -> (Vec<&str>, BTreeMap<&str, u64>) {
    let mut samples = BTreeMap::new();
    let mut heads = Vec::new();
    for line in text.split_terminator('\n') {
        match line.rsplit_once(' ') {
            Some((series, number)) if !line.starts_with('#') => {
                let number: f64 = number.parse().expect("a number");
                // By its bits, so that zeros have their sign; a NaN is a NaN.
                let bits = if number.is_nan() { f64::NAN.to_bits() } else { number.to_bits() };
                assert_eq!(samples.insert(series, bits), None, "{series} twice");
            }
            _ => heads.push(line),
        }
    }
    heads.sort_unstable();
    (heads, samples)
}

proptest! {
    #![proptest_config(Config { cases: 300, failure_persistence: None, ..Config::default() })]

    #[test]
    fn both_encoders_agree(
        help in text().prop_map(|help| format!("h{help}")),
        gauges in prop::collection::hash_map((text(), text()), number(), 0..4),
        counts in prop::collection::hash_map(text(), 0..1_u64 << 53, 0..4),
    ) {
        let (ours, theirs) = (Registry::new(), prometheus::Registry::new());
        let family = Family::<Gauge>::new("level", &help, ["x", "y"]).expect("valid");
        let vec = GaugeVec::new(Opts::new("level", &help), &["x", "y"]).expect("valid");
        for ((x, y), number) in &gauges {
            family.with_labels([x, y]).expect("room").set(*number);
            vec.with_label_values(&[x, y]).set(*number);
        }
        ours.register(&family).expect("the first");
        theirs.register(Box::new(vec)).expect("the first");
        let family = Family::<Counter>::new("jobs_total", &help, ["x"]).expect("valid");
        let vec = CounterVec::new(Opts::new("jobs_total", &help), &["x"]).expect("valid");
        for (x, count) in &counts {
            family.with_labels([x]).expect("room").inc_by(*count);
            vec.with_label_values(&[x]).inc_by(*count as f64);
        }
        ours.register(&family).expect("the second");
        theirs.register(Box::new(vec)).expect("the second");

        let ours = encode::text(&ours.gather());
        let theirs = TextEncoder::new().encode_to_string(&theirs.gather()).expect("encoded");
        let (our_heads, our_samples) = parsed(&ours);
        let (their_heads, their_samples) = parsed(&theirs);
        prop_assert_eq!(our_samples, their_samples);
        // A family without children is a family here, and nothing there.
        let full = |head: &&str| {
            let name = head.split(' ').nth(2).unwrap_or_default();
            if name == "level" { !gauges.is_empty() } else { !counts.is_empty() }
        };
        let our_heads: Vec<&str> = our_heads.into_iter().filter(full).collect();
        prop_assert_eq!(our_heads, their_heads);
    }
}
