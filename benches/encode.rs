//! Measures the gathering and encoding of all metrics, by hand, in this and in other crates.
//!
//! This crate keeps the encoded lines of unchanged numbers. So one in ten of its series counts
//! before each encoding, different ones each time. All series count before two formats are
//! compared.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::SystemTime;

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main,
};
use dataclay_metrics_benches::{criterion, path, samples};
use dataclay_metrics_core::encode::{self, Encoding, Format, Options};
use dataclay_metrics_core::{Counter, Family, Registry};
use measured::MetricGroup;

/// Series of one family, each with one label.
const SERIES: [usize; 4] = [10, 100, 1_000, 10_000];
const NAME: &str = "requests_total";
const HELP: &str = "Requests served";

#[derive(Clone, Debug, Hash, PartialEq, Eq, prometheus_client::encoding::EncodeLabelSet)]
struct Path {
    path: String,
}

impl fastmetrics::raw::LabelSetSchema for Path {
    fn names() -> Option<&'static [&'static str]> {
        Some(&["path"])
    }
}

impl fastmetrics::encoder::EncodeLabelSet for Path {
    fn encode(
        &self,
        encoder: &mut dyn fastmetrics::encoder::LabelSetEncoder,
    ) -> fastmetrics::error::Result<()> {
        encoder.encode(&("path", self.path.as_str()))
    }
}

#[derive(measured::LabelGroup)]
#[label(set = MeasuredPaths)]
struct MeasuredPath<'a> {
    #[label(dynamic_with = lasso::ThreadedRodeo, default)]
    path: &'a str,
}

#[derive(MetricGroup)]
#[metric(new())]
struct MeasuredFamily {
    /// Requests served
    #[metric(rename = "requests_total", init = measured::CounterVec::sparse_with_label_set(MeasuredPaths::default()))]
    requests: measured::CounterVec<MeasuredPaths>,
}

/// Measures `encode`, which returns a new `String`. It must contain one sample for each series,
/// HELP and TYPE of each family, and nothing else.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    series: usize,
    mut encode: impl FnMut() -> String,
) {
    let text = encode();
    let lines = |begin: &str| text.lines().filter(|line| line.starts_with(begin)).count();
    let families = lines("# TYPE ");
    assert_eq!((samples(&text), lines("# HELP ")), (series, families), "{name}: {text}");
    assert_eq!(text.matches(HELP).count(), families, "{name}: {text}");
    group.bench_function(BenchmarkId::new(name, series), |b| b.iter(|| black_box(encode())));
}

/// Encodes values from one slice and escaped labels from another by hand. No encoder is faster.
fn by_hand(names: &[String], labels: &[String], values: &[AtomicU64]) -> String {
    let mut out = String::with_capacity(64 * (values.len() + 2) * names.len());
    for name in names {
        for part in ["# HELP ", name, " ", HELP, "\n# TYPE ", name, " counter\n"] {
            out.push_str(part);
        }
        for (at, value) in values.iter().enumerate() {
            out.push_str(name);
            if let Some(labels) = labels.get(at) {
                out.push('{');
                out.push_str(labels);
                out.push('}');
            }
            out.push(' ');
            out.push_str(itoa::Buffer::new().format(value.load(Relaxed)));
            out.push('\n');
        }
    }
    out
}

fn labelled(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    for series in SERIES {
        let values: Vec<AtomicU64> = (0..series).map(|i| AtomicU64::new(i as u64)).collect();
        let labels: Vec<String> = (0..series).map(|i| format!("path=\"{}\"", path(i))).collect();
        let names = [NAME.to_owned()];
        measure(&mut group, "limit: written by hand", series, || by_hand(&names, &labels, &values));

        let ours = Family::<Counter>::new(NAME, HELP, ["path"]).expect("valid names");
        let registry = Registry::new();
        registry.register(&ours).expect("the first");
        let child = |i| ours.with_labels([path(i)]).expect("room");
        let children: Vec<Counter> = (0..series).map(child).collect();
        children.iter().zip(0..).for_each(|(child, i)| child.inc_by(i));
        let mut firsts = (0..10).cycle();
        measure(&mut group, "ours", series, || {
            let first = firsts.next().unwrap_or_default();
            children[first..].iter().step_by(10).for_each(Counter::inc);
            registry.encode(Format::Text)
        });

        let opts = prometheus::Opts::new(NAME, HELP);
        let theirs = prometheus::IntCounterVec::new(opts, &["path"]).expect("valid names");
        let registry = prometheus::Registry::new();
        registry.register(Box::new(theirs.clone())).expect("the first");
        for i in 0..series {
            theirs.with_label_values(&[path(i)]).inc_by(i as u64);
        }
        measure(&mut group, "prometheus", series, || {
            let encoder = prometheus::TextEncoder::new();
            encoder.encode_to_string(&registry.gather()).expect("valid")
        });

        let theirs = prometheus_client::metrics::family::Family::<
            Path,
            prometheus_client::metrics::counter::Counter,
        >::default();
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register("requests", HELP, theirs.clone());
        for i in 0..series {
            theirs.get_or_create(&Path { path: path(i) }).inc_by(i as u64);
        }
        measure(&mut group, "prometheus-client", series, || {
            let mut out = String::new();
            prometheus_client::encoding::text::encode(&mut out, &registry).expect("valid");
            out
        });

        let theirs = fastmetrics::metrics::family::Family::<
            Path,
            fastmetrics::metrics::counter::Counter,
        >::default();
        let mut registry = fastmetrics::registry::Registry::default();
        registry.register("requests", HELP, theirs.clone()).expect("the first");
        for i in 0..series {
            theirs.with_or_new(&Path { path: path(i) }, |child| child.inc_by(i as u64));
        }
        measure(&mut group, "fastmetrics", series, || {
            let profile = fastmetrics::format::text::TextProfile::default();
            let mut out = String::new();
            fastmetrics::format::text::encode(&mut out, &registry, profile).expect("valid");
            out
        });

        let theirs = MeasuredFamily::new();
        for i in 0..series {
            theirs.requests.inc_by(MeasuredPath { path: &path(i) }, i as u64);
        }
        let mut encoder = measured::text::BufferedTextEncoder::new();
        measure(&mut group, "measured", series, || {
            let Ok(()) = theirs.collect_group_into(&mut encoder);
            String::from_utf8(encoder.finish().to_vec()).expect("text")
        });

        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            metrics::describe_counter!("requests_total", HELP);
            for i in 0..series {
                metrics::counter!("requests_total", "path" => path(i)).increment(i as u64);
            }
        });
        let handle = recorder.handle();
        measure(&mut group, "metrics-exporter-prometheus", series, || handle.render());
    }
}

#[derive(MetricGroup)]
#[metric(new())]
#[expect(clippy::struct_field_names, reason = "they are the names of the metrics")]
struct MeasuredFive {
    /// Requests served
    m0_total: measured::Counter,
    /// Requests served
    m1_total: measured::Counter,
    /// Requests served
    m2_total: measured::Counter,
    /// Requests served
    m3_total: measured::Counter,
    /// Requests served
    m4_total: measured::Counter,
}

fn five(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode five");
    let value = [AtomicU64::new(12_345)];
    let names: [String; 5] = std::array::from_fn(|i| format!("m{i}_total"));
    measure(&mut group, "limit: written by hand", 5, || by_hand(&names, &[], &value));

    let registry = Registry::new();
    for name in &names {
        let counter = Counter::new(name, HELP).expect("a valid name");
        registry.register(&counter).expect("a new name");
        counter.inc_by(12_345);
    }
    measure(&mut group, "ours", 5, || registry.encode(Format::Text));
    measure(&mut group, "ours, by way of a snapshot", 5, || encode::text(&registry.gather()));

    let registry = prometheus::Registry::new();
    for name in &names {
        let counter = prometheus::IntCounter::new(name, HELP).expect("a valid name");
        registry.register(Box::new(counter.clone())).expect("a new name");
        counter.inc_by(12_345);
    }
    measure(&mut group, "prometheus", 5, || {
        let encoder = prometheus::TextEncoder::new();
        encoder.encode_to_string(&registry.gather()).expect("valid")
    });

    let mut registry = prometheus_client::registry::Registry::default();
    for i in 0..5 {
        let counter = prometheus_client::metrics::counter::Counter::<u64>::default();
        registry.register(format!("m{i}"), HELP, counter.clone());
        counter.inc_by(12_345);
    }
    measure(&mut group, "prometheus-client", 5, || {
        let mut out = String::new();
        prometheus_client::encoding::text::encode(&mut out, &registry).expect("valid");
        out
    });

    let mut registry = fastmetrics::registry::Registry::default();
    for name in ["m0", "m1", "m2", "m3", "m4"] {
        let counter = fastmetrics::metrics::counter::Counter::<u64>::default();
        registry.register(name, HELP, counter.clone()).expect("a new name");
        counter.inc_by(12_345);
    }
    measure(&mut group, "fastmetrics", 5, || {
        let profile = fastmetrics::format::text::TextProfile::default();
        let mut out = String::new();
        fastmetrics::format::text::encode(&mut out, &registry, profile).expect("valid");
        out
    });

    let theirs = MeasuredFive::new();
    let mut encoder = measured::text::BufferedTextEncoder::new();
    measure(&mut group, "measured", 5, || {
        let Ok(()) = theirs.collect_group_into(&mut encoder);
        String::from_utf8(encoder.finish().to_vec()).expect("text")
    });

    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || {
        for name in &names {
            metrics::describe_counter!(name.clone(), HELP);
            metrics::counter!(name.clone()).increment(12_345);
        }
    });
    let handle = recorder.handle();
    measure(&mut group, "metrics-exporter-prometheus", 5, || handle.render());
}

/// Measures the text and both protobuf formats of the same series.
fn formats(c: &mut Criterion) {
    const SERIES: usize = 10_000;
    let ours = Family::<Counter>::new(NAME, HELP, ["path"]).expect("valid names");
    let registry = Registry::new();
    registry.register(&ours).expect("the first");
    let child = |i| ours.with_labels([path(i)]).expect("room");
    let children: Vec<Counter> = (0..SERIES).map(child).collect();
    let resource = [("service.name".to_owned(), "bench".to_owned())];
    let mut group = c.benchmark_group("encode formats");
    let mut measure = |name: &str, encode: &dyn Fn() -> Vec<u8>| {
        assert!(encode().len() > 20 * SERIES, "{name}");
        let count = || children.iter().for_each(|child| child.inc_by(1_000));
        group.bench_function(BenchmarkId::new(name, SERIES), |b| {
            b.iter_batched(count, |()| encode(), BatchSize::PerIteration);
        });
    };
    measure("text", &|| registry.encode_with(Options::new(Format::Text)));
    measure("PrometheusProto", &|| registry.encode_with(Options::new(Encoding::Protobuf)));
    measure("OTLP", &|| encode::otlp(registry.gather(), &resource, SystemTime::now()));
}

criterion_group!(name = benches; config = criterion(); targets = five, labelled, formats);
criterion_main!(benches);
