//! Native and explicit buckets count the same observations, for any numbers, in any threads, and in
//! every way to read them.

use std::thread;

use dataclay_metrics_core::encode::{self, Format};
use dataclay_metrics_core::{
    Buckets, Collector, Family, Histogram, Labels, MetricFamily, NativeBuckets, NativeHistogram,
    Opts, Registry, Value,
};
use proptest::prelude::*;

/// Returns the index of the first bucket whose bound is not below a number. Searches the bounds.
fn bucket(of: &NativeHistogram, number: f64) -> i32 {
    let (mut below, mut at) = (-300_000, 300_000);
    while at - below > 1 {
        let middle = below + (at - below) / 2;
        if of.upper_bound(middle) < number { below = middle } else { at = middle }
    }
    at
}

/// Counts each number separately, at the schema of the exposed histogram.
fn counted(
    exposed: &NativeHistogram,
    largest: f64,
    negative: bool,
    numbers: &[f64],
) -> NativeHistogram {
    let mut all = NativeHistogram {
        zero_count: 0,
        positive: Vec::new(),
        negative: Vec::new(),
        ..exposed.clone()
    };
    let add = |buckets: &mut Vec<(i32, u64)>, at: i32| match buckets.iter_mut().find(|b| b.0 == at)
    {
        Some(bucket) => bucket.1 += 1,
        None => buckets.push((at, 1)),
    };
    let infinite = bucket(exposed, f64::INFINITY);
    for number in numbers {
        let size = number.abs();
        match number {
            _ if number.is_nan() => {}
            _ if size <= exposed.zero_threshold => all.zero_count += 1,
            _ if size > largest => {
                add(if *number > 0.0 { &mut all.positive } else { &mut all.negative }, infinite);
            }
            _ if *number > 0.0 => add(&mut all.positive, bucket(exposed, size)),
            _ if negative => add(&mut all.negative, bucket(exposed, size)),
            _ => add(&mut all.negative, infinite),
        }
    }
    all.positive.sort_unstable();
    all.negative.sort_unstable();
    all
}

fn numbers() -> impl Strategy<Value = Vec<f64>> {
    let spread =
        (-80..80_i32, 0.5..1.0_f64, any::<bool>()).prop_map(|(exponent, fraction, negative)| {
            let number = fraction * 2_f64.powi(exponent);
            if negative { -number } else { number }
        });
    let powers = (-80..80_i32).prop_map(|exponent| 2_f64.powi(exponent));
    let odd =
        vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324, f64::MAX, f64::MIN];
    let odd = prop::sample::select(odd);
    prop::collection::vec(prop_oneof![10 => spread, 3 => powers, 1 => odd], 0..200)
}

fn value(family: &MetricFamily, suffix: &str) -> Value {
    family.samples.iter().find(|sample| sample.suffix == suffix).expect("a sample").value
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn native_and_explicit_buckets_count_the_same_observations(
        numbers in numbers(),
        schema in -4..=8_i32,
        (zero, octaves) in (-60..20_i32, 1..30_i32),
        negative in any::<bool>(),
        most in 1..200_usize,
        bounds in prop::collection::btree_set(-40..40_i32, 1..20),
    ) {
        let (zero, largest) = (2_f64.powi(zero) * 1.25, 2_f64.powi(zero + octaves));
        prop_assume!(zero < largest);
        // At schema 8, buckets for negative numbers would exceed the maximum.
        let negative = negative && schema < 8;
        let native = NativeBuckets::new(schema, zero, largest).expect("valid").max_buckets(most);
        let native = if negative { native.with_negative().expect("few") } else { native };
        let bounds: Vec<f64> = bounds.into_iter().map(|bound| f64::from(bound) / 4.0).collect();
        let buckets = Buckets::new(bounds.iter().copied()).expect("ascending");
        let opts = Opts::new("h", "").buckets(buckets.clone());
        let plain = Histogram::with_opts(opts.clone()).expect("valid");
        let with_native = Histogram::with_opts(opts.native_buckets(native)).expect("valid");
        for number in &numbers {
            plain.observe(*number);
            with_native.observe(*number);
        }

        let [without, with] = [&plain, &with_native].map(|histogram: &Histogram| {
            let registry = Registry::new();
            registry.register(histogram).expect("the first");
            registry
        });
        // The explicit buckets are the same. Sums may differ, because floats are added in
        // another order.
        let lines = |registry: &Registry| {
            let text = registry.encode(Format::Text);
            text.lines().filter(|line| !line.starts_with("h_sum")).map(str::to_owned).collect::<Vec<_>>()
        };
        prop_assert_eq!(lines(&without), lines(&with));

        let gathered = with.gather();
        let family = &gathered[0];
        let all = family.samples.native_histograms();
        prop_assert_eq!(all.len(), 1);
        let exposed = &all[0].1;
        // A comparison with NaN is false.
        if !exposed.sum.is_nan() {
            prop_assert_eq!(with_native.native(), Some(exposed.clone()));
            prop_assert_eq!(value(family, "_sum"), Value::Float(exposed.sum));
        }
        prop_assert_eq!(value(family, "_count"), Value::Integer(exposed.count));
        prop_assert_eq!(exposed.count, numbers.len() as u64);
        let fine = NativeBuckets::new(schema, zero, largest).expect("valid");
        let fine = Opts::new("fine", "").native_buckets(fine);
        let fine = Histogram::with_opts(fine).expect("valid").native().expect("native");
        let largest = fine.upper_bound(bucket(&fine, largest));
        let expected = counted(exposed, largest, negative, &numbers);
        prop_assert_eq!(&exposed.positive, &expected.positive);
        prop_assert_eq!(&exposed.negative, &expected.negative);
        prop_assert_eq!(exposed.zero_count, expected.zero_count);
        prop_assert!(exposed.schema <= schema);
        let len = exposed.positive.len() + exposed.negative.len();
        prop_assert!(len <= most || exposed.schema == -4, "{} of {}", len, most);
    }
}

fn family() -> (Registry, Family<Histogram>) {
    let native = NativeBuckets::new(2, 0.25, 64.0).expect("valid");
    let opts = Opts::new("f", "").buckets(Buckets::new([1.0, 3.0]).expect("valid"));
    let family = Family::with_opts(opts.native_buckets(native), ["of"]).expect("valid");
    let registry = Registry::new();
    registry.register(&family).expect("the first");
    (registry, family)
}

#[test]
fn observations_of_all_threads_are_counted_in_each_child() {
    let (registry, family) = family();
    thread::scope(|scope| {
        for of in 0..4_u32 {
            let family = &family;
            scope.spawn(move || {
                for at in 0..1_000_u32 {
                    let child = family.with_labels([(at % 2).to_string()]).expect("room");
                    child.observe_n(f64::from(1_u32 << of), 2);
                }
            });
        }
    });
    let native = registry.gather()[0].samples.native_histograms();
    assert_eq!(native.len(), 2);
    for (labels, native) in native {
        assert!(["{of=\"0\"}", "{of=\"1\"}"].contains(&&*labels.to_string()));
        assert_eq!((native.count, native.sum, native.zero_count), (4_000, 15_000.0, 0));
        assert_eq!(native.positive, [(0, 1_000), (4, 1_000), (8, 1_000), (12, 1_000)]);
    }
}

/// Checks that text formats omit native histograms, and that lists of samples keep them.
#[test]
fn native_histograms_are_kept_when_samples_change() {
    let (registry, family) = family();
    let child = family.with_labels(["x"]).expect("room");
    for number in [0.5, 2.0, 2.0, 1e9, 0.0, f64::NAN] {
        child.observe(number);
    }
    let text = registry.encode(Format::Text);
    assert!(text.contains("\nf_bucket{of=\"x\",le=\"1.0\"} 2\nf_bucket{of=\"x\",le=\"3.0\"} 4\n"));
    assert!(text.contains("\nf_bucket{of=\"x\",le=\"+Inf\"} 6\nf_count{of=\"x\"} 6\n"), "{text}");
    assert_eq!(text.lines().count(), 2 + 5);
    assert_eq!(encode::text(&registry.gather()), text);

    let mut gathered = registry.gather();
    let expected = gathered[0].samples.native_histograms();
    let native = &expected[0].1;
    assert_eq!((native.zero_count, native.count), (1, 6));
    assert_eq!(native.positive, [(-4, 1), (4, 2), (4 * 1024 + 1, 1)]);
    let show = |native: &[(Labels, NativeHistogram)]| format!("{native:?}");
    gathered[0].samples.retain(|sample| sample.suffix == "_count");
    assert_eq!(show(&gathered[0].samples.native_histograms()), show(&expected));
    assert_eq!(gathered[0].samples.len(), 1);

    // A metric with exemplars is read as a list of samples.
    let native = NativeBuckets::new(2, 0.25, 64.0).expect("valid");
    let opts = Opts::new("plain", "").buckets(Buckets::new([1.0, 3.0]).expect("valid"));
    let plain = Histogram::with_opts(opts.native_buckets(native)).expect("valid");
    let id = Labels::new([("id", "a")]).expect("valid");
    plain.observe_with_exemplar(2.5, id.clone()).expect("short");
    child.observe_with_exemplar(2.5, id).expect("short");
    let families = plain.collect();
    assert_eq!(families[0].samples.native_histograms()[0].1.positive, [(6, 1)]);
    assert_eq!(plain.collect(), families);
    registry.register(&plain).expect("a new name");
    let text = registry.encode(Format::OpenMetrics);
    for line in
        ["plain_bucket{le=\"3.0\"} 1 # {id=\"a\"} 2.5 ", "f_bucket{of=\"x\",le=\"3.0\"} 5 # {"]
    {
        assert_eq!(text.matches(line).count(), 1, "{line} in {text}");
    }
    assert_eq!(text.matches(" # {").count(), 2, "{text}");
    assert_eq!(encode::open_metrics(&registry.gather()), text);
}

#[test]
fn a_family_with_more_cells_than_a_block_counts_every_observation() {
    let native =
        NativeBuckets::new(8, 2_f64.powi(-20), 2_f64.powi(11)).expect("at most 8,192 buckets");
    let opts = Opts::new("large", "").native_buckets(native);
    let family = Family::<Histogram>::with_opts(opts, ["of"]).expect("valid");
    for of in 0..12 {
        let child = family.with_labels([of.to_string()]).expect("room");
        for number in [1e-6, 0.5, 1000.0, 1e9] {
            child.observe(number);
        }
        let native = child.native().expect("native");
        assert_eq!((native.count, native.zero_count, native.positive.len()), (4, 0, 4), "{of}");
    }
}
