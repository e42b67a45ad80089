//! Compares the text with that of the `prometheus` crate, for any help text, label value and
//! number.

use std::collections::BTreeMap;

use dataclay_metrics_core::encode::{self, Escaping, Format, Options};
use dataclay_metrics_core::{
    Collector, Counter, Desc, Family, Gauge, Labels, MetricFamily, Opts, Registry,
};
use prometheus::{CounterVec, GaugeVec, TextEncoder};
use proptest::prelude::*;
use proptest::test_runner::Config;

/// Generates text that the format escapes, and any other text.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[\\\\\"\n\r\t {}=,#a]{0,12}", "(?s).{0,8}"]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), any::<i64>().prop_map(|whole| whole as f64), Just(-0.0)]
}

/// Separates the comments from the samples. Maps each series to the bits of its number, because the
/// encoders write numbers differently.
fn parsed(text: &str) -> (Vec<&str>, BTreeMap<&str, u64>) {
    let mut samples = BTreeMap::new();
    let mut heads = Vec::new();
    for line in text.split_terminator('\n') {
        match line.rsplit_once(' ') {
            Some((series, number)) if !line.starts_with('#') => {
                let number: f64 = number.parse().expect("a number");
                // Bits distinguish the two zeros. All NaNs are equal here.
                let bits = if number.is_nan() { f64::NAN.to_bits() } else { number.to_bits() };
                assert_eq!(samples.insert(series, bits), None, "{series} twice");
            }
            _ => heads.push(line),
        }
    }
    heads.sort_unstable();
    (heads, samples)
}

/// A metric whose samples are in lists, as those of collectors of an application.
#[derive(Clone)]
struct Listed<C>(C);

impl<C: Collector> Collector for Listed<C> {
    fn describe(&self) -> Vec<Desc> {
        self.0.describe()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.0.collect();
        for family in &mut families {
            family.samples = family.samples.to_vec().into();
        }
        families
    }

    fn id(&self) -> usize {
        self.0.id()
    }
}

/// Registers a metric in one registry, and the same metric with lists in the other one.
fn register<C: Collector + Clone>([metrics, lists]: &[Registry; 2], metric: &C) {
    metrics.register(metric).expect("a new name");
    lists.register(&Listed(metric.clone())).expect("a new name");
}

proptest! {
    #![proptest_config(Config { cases: 300, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_text_equals_that_of_the_prometheus_encoder(
        help in text().prop_map(|help| format!("h{help}")),
        gauges in prop::collection::hash_map((text(), text()), number(), 0..4),
        counts in prop::collection::hash_map(text(), 0..1_u64 << 53, 0..4),
    ) {
        let (ours, theirs) = (Registry::new(), prometheus::Registry::new());
        let family = Family::<Gauge>::new("level", &help, ["x", "y"]).expect("valid");
        let vec = GaugeVec::new(prometheus::Opts::new("level", &help), &["x", "y"]).expect("valid");
        for ((x, y), number) in &gauges {
            family.with_labels([x, y]).expect("room").set(*number);
            vec.with_label_values(&[x, y]).set(*number);
        }
        ours.register(&family).expect("the first");
        theirs.register(Box::new(vec)).expect("the first");
        let family = Family::<Counter>::new("jobs_total", &help, ["x"]).expect("valid");
        let opts = prometheus::Opts::new("jobs_total", &help);
        let vec = CounterVec::new(opts, &["x"]).expect("valid");
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
        // The `prometheus` crate omits a family without children.
        let has_children = |head: &&str| {
            let name = head.split(' ').nth(2).unwrap_or_default();
            if name == "level" { !gauges.is_empty() } else { !counts.is_empty() }
        };
        let our_heads: Vec<&str> = our_heads.into_iter().filter(has_children).collect();
        prop_assert_eq!(our_heads, their_heads);
    }

    /// Compares texts in the style of `prometheus_client`. Its encoder keeps lines only for
    /// metrics.
    #[test]
    fn kept_lines_equal_those_of_lists_of_samples(
        names in Just(["a", "B", "le", "c.d"]).prop_shuffle(),
        odd in any::<bool>(),
        created in any::<bool>(),
        values in prop::collection::hash_map((text(), text()), number(), 0..4),
    ) {
        let registries = [Registry::new(), Registry::new()];
        for registry in &registries {
            registry.expose_created(created);
        }
        let labels = |from: usize| {
            let all = names.iter().filter(|name| odd || !name.contains('.'));
            all.skip(from).take(2).copied().collect::<Vec<_>>()
        };
        let constant = labels(0).into_iter().map(|name| (name, "\\ \""));
        let constant = Labels::new(constant).expect("valid");
        let name = |name: &str| if odd { name.replace('_', ".") } else { name.to_owned() };
        let plain = Opts::new(name("queue_length"), "").const_labels(constant);
        let plain = Gauge::with_opts(plain).expect("valid");
        let gauges = Family::<Gauge>::new(&name("fill_level"), "", labels(1)).expect("valid");
        let counters = Family::<Counter>::new(&name("queue:all_jobs"), "\n", labels(0));
        let counters = counters.expect("valid");
        let hits = Counter::new(&name("cache_hits"), "H").expect("valid");
        for ((x, y), number) in &values {
            plain.set(*number);
            gauges.with_labels([x, y]).expect("room").set(*number);
            if number.is_finite() {
                counters.with_labels([x, y]).expect("room").inc_by_f64(number.abs()).expect("not negative");
                hits.inc_by_f64(number.abs()).expect("not negative");
            }
        }
        register(&registries, &plain);
        register(&registries, &gauges);
        register(&registries, &counters);
        register(&registries, &hits);
        for (format, escaping) in [Format::Text, Format::OpenMetrics]
            .into_iter()
            .flat_map(|format| Escaping::ALL.map(|escaping| (format, escaping)))
        {
            let options = Options::new(format).escaping(escaping).like_client_python();
            let texts = registries.each_ref().map(|registry| {
                // The second text has kept lines.
                registry.encode_with(options);
                String::from_utf8(registry.encode_with(options)).expect("a text")
            });
            prop_assert_eq!(&texts[0], &texts[1]);
        }
    }
}
