//! Measures the look-up of a child by its label values, with its increment.

use criterion::{Criterion, criterion_group, criterion_main};
use dataclay_metrics_benches::{THREADS, concurrent, criterion, repeat};
use dataclay_metrics_core::{Counter, Family};

/// The label of `measured` for any text. It numbers each new text.
#[derive(measured::LabelGroup)]
#[label(set = OpenLabels)]
struct OpenLabel<'a> {
    #[label(dynamic_with = lasso::ThreadedRodeo, default)]
    label: &'a str,
}

/// The label of `measured` for a closed set of texts.
#[derive(measured::LabelGroup)]
#[label(set = ClosedLabels)]
struct ClosedLabel<'a> {
    #[label(fixed_with = lasso::RodeoReader)]
    label: &'a str,
}

/// The label of `prometheus-client` and `fastmetrics`.
#[derive(Clone, Debug, Hash, PartialEq, Eq, prometheus_client::encoding::EncodeLabelSet)]
struct OwnedLabel {
    label: String,
}

impl fastmetrics::raw::LabelSetSchema for OwnedLabel {
    fn names() -> Option<&'static [&'static str]> {
        Some(&["label"])
    }
}

fn look_up(c: &mut Criterion) {
    let mut group = c.benchmark_group("look-up");
    let ours = Family::<Counter>::new("f", "A family", ["label"]).expect("valid names");
    let opts = prometheus::Opts::new("theirs", "Theirs");
    let prometheus = prometheus::IntCounterVec::new(opts, &["label"]).expect("valid names");
    let prometheus_client = prometheus_client::metrics::family::Family::<
        OwnedLabel,
        prometheus_client::metrics::counter::Counter,
    >::default();
    let fastmetrics = fastmetrics::metrics::family::Family::<
        OwnedLabel,
        fastmetrics::metrics::counter::Counter,
    >::default();
    // Made once here. A service with labels as text makes one for each look-up.
    let label = OwnedLabel { label: "x".into() };
    let measured = measured::CounterVec::sparse_with_label_set(OpenLabels::default());
    let texts = lasso::Rodeo::from_iter(["v", "w", "x", "y"]).into_reader();
    let closed = measured::CounterVec::with_label_set(ClosedLabels { label: texts });
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    metrics::set_global_recorder(recorder).expect("the only one");
    for threads in THREADS {
        concurrent(&mut group, "ours", threads, |n| {
            repeat(n, || ours.with_labels(["x"]).expect("room").inc());
        });
        concurrent(&mut group, "prometheus", threads, |n| {
            repeat(n, || prometheus.with_label_values(&["x"]).inc());
        });
        concurrent(&mut group, "prometheus-client", threads, |n| {
            repeat(n, || {
                prometheus_client.get_or_create(&label).inc();
            });
        });
        concurrent(&mut group, "fastmetrics", threads, |n| {
            repeat(n, || {
                fastmetrics.with_or_new(&label, fastmetrics::metrics::counter::Counter::inc);
            });
        });
        concurrent(&mut group, "measured", threads, |n| {
            repeat(n, || measured.inc(OpenLabel { label: "x" }));
        });
        concurrent(&mut group, "measured, all texts known beforehand", threads, |n| {
            repeat(n, || closed.inc(ClosedLabel { label: "x" }));
        });
        concurrent(&mut group, "metrics", threads, |n| {
            repeat(n, || metrics::counter!("theirs", "label" => "x").increment(1));
        });
    }
}

criterion_group!(name = benches; config = criterion(); targets = look_up);
criterion_main!(benches);
