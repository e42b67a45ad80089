//! Converts families of this crate to those of the `prometheus` crate, and back.

use std::collections::{HashMap, HashSet};

use prometheus::proto;

use crate::model::desc::Desc;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::number;
use crate::model::sample::Sample;
use crate::model::snapshot::MetricFamily;
use crate::model::value::Value;

/// One set of names for the numbers of both data models of `prometheus`.
///
/// The feature `protobuf` of `prometheus` selects the model, and any crate in a build may enable
/// it. The accessor is `value` in one model and `get_value` in the other.
#[allow(dead_code, reason = "which of the two is used depends on the model")]
trait Number {
    fn value(&self) -> f64;
    fn get_value(&self) -> f64;
}

impl Number for proto::Counter {
    fn value(&self) -> f64 {
        self.get_value()
    }

    fn get_value(&self) -> f64 {
        self.value()
    }
}

impl Number for proto::Gauge {
    fn value(&self) -> f64 {
        self.get_value()
    }

    fn get_value(&self) -> f64 {
        self.value()
    }
}

/// Converts the families of a registry of `prometheus`.
pub(super) fn from_prometheus(families: &[proto::MetricFamily]) -> Vec<MetricFamily> {
    let names: HashSet<&str> = families.iter().map(proto::MetricFamily::name).collect();
    families.iter().map(|family| family_from_prometheus(family, &names)).collect()
}

/// Converts one family; `names` are those of all families in its registry. Next to a counter
/// `x_total`, `prometheus` allows `x` and `x_created`, which OpenMetrics reserves for the counter.
fn family_from_prometheus(family: &proto::MetricFamily, names: &HashSet<&str>) -> MetricFamily {
    let kind = match family.get_field_type() {
        proto::MetricType::COUNTER => Kind::Counter,
        proto::MetricType::GAUGE => Kind::Gauge,
        proto::MetricType::HISTOGRAM => Kind::Histogram,
        proto::MetricType::SUMMARY => Kind::Summary,
        proto::MetricType::UNTYPED => Kind::Untyped,
    };
    let name = family.name().to_owned();
    let mut desc = Desc::unchecked(kind, name, family.help().to_owned(), Labels::default());
    let is_other = |name: &String| name != family.name() && names.contains(name.as_str());
    if kind == Kind::Counter && desc.reserved().any(|name| is_other(&name)) {
        desc = desc.named_whole();
    }
    let mut samples = Vec::new();
    for metric in family.get_metric() {
        match kind {
            Kind::Counter => push(&mut samples, "", metric, None, metric.get_counter().value()),
            Kind::Gauge | Kind::Info | Kind::StateSet | Kind::Untyped => {
                push(&mut samples, "", metric, None, metric.get_gauge().value());
            }
            Kind::Histogram | Kind::GaugeHistogram => push_histogram(&mut samples, metric),
            Kind::Summary => push_summary(&mut samples, metric),
        }
    }
    MetricFamily::with_samples(desc, samples)
}

fn push_histogram(samples: &mut Vec<Sample>, metric: &proto::Metric) {
    let histogram = metric.get_histogram();
    let count = histogram.get_sample_count() as f64;
    let buckets = histogram.get_bucket().iter();
    let finite = buckets.map(|b| (b.upper_bound(), b.cumulative_count() as f64));
    let finite = finite.filter(|(bound, _)| *bound != f64::INFINITY);
    for (bound, cumulative) in finite.chain([(f64::INFINITY, count)]) {
        push(samples, "_bucket", metric, label(Kind::Histogram, bound), cumulative);
    }
    push(samples, "_count", metric, None, count);
    push(samples, "_sum", metric, None, histogram.get_sample_sum());
}

fn push_summary(samples: &mut Vec<Sample>, metric: &proto::Metric) {
    let summary = metric.get_summary();
    for quantile in summary.get_quantile() {
        let label = label(Kind::Summary, quantile.quantile());
        push(samples, "", metric, label, quantile.value());
    }
    push(samples, "_count", metric, None, summary.sample_count() as f64);
    push(samples, "_sum", metric, None, summary.sample_sum());
}

/// Returns the label that distinguishes the samples of one metric.
fn label(kind: Kind, number: f64) -> Option<(&'static str, f64)> {
    kind.sample_label().map(|name| (name, number))
}

fn push(
    samples: &mut Vec<Sample>,
    suffix: &'static str,
    metric: &proto::Metric,
    bound: Option<(&str, f64)>,
    value: f64,
) {
    let own =
        metric.get_label().iter().map(|pair| (pair.name().to_owned(), pair.value().to_owned()));
    let bound = bound.map(|(name, bound)| (name.to_owned(), number::bound(bound)));
    let labels = Labels::unchecked(own.chain(bound).collect());
    samples.push(Sample::new(suffix, labels, Value::Float(value)));
}

/// Converts a family for `prometheus`.
pub(super) fn to_prometheus(family: &MetricFamily) -> proto::MetricFamily {
    let (kind, metrics) = match family.kind() {
        Kind::Counter => (proto::MetricType::COUNTER, each_sample(family, counter)),
        // The text encoder of `prometheus` panics on the type `untyped`.
        Kind::Gauge | Kind::Info | Kind::StateSet | Kind::Untyped => {
            (proto::MetricType::GAUGE, each_sample(family, gauge))
        }
        Kind::Histogram | Kind::GaugeHistogram => {
            (proto::MetricType::HISTOGRAM, each_metric(family, histogram))
        }
        Kind::Summary => (proto::MetricType::SUMMARY, each_metric(family, summary)),
    };
    let mut theirs = proto::MetricFamily::default();
    theirs.set_name(family.name().into());
    theirs.set_help(family.help().into());
    theirs.set_field_type(kind);
    theirs.set_metric(metrics);
    theirs
}

/// Makes a metric of each sample.
fn each_sample(family: &MetricFamily, set: impl Fn(&mut proto::Metric, f64)) -> Vec<proto::Metric> {
    let metric = |sample: &Sample| {
        let mut metric = with_labels(sample.labels.iter());
        set(&mut metric, float(sample.value));
        metric
    };
    let samples = family.samples.iter();
    samples.filter(|sample| sample.suffix != "_created").map(metric).collect()
}

fn counter(metric: &mut proto::Metric, value: f64) {
    let mut counter = proto::Counter::default();
    counter.set_value(value);
    metric.set_counter(counter);
}

fn gauge(metric: &mut proto::Metric, value: f64) {
    let mut gauge = proto::Gauge::default();
    gauge.set_value(value);
    metric.set_gauge(gauge);
}

/// One sample of a metric that has several.
struct Part {
    suffix: &'static str,
    /// The number in the label that distinguishes samples of one suffix.
    bound: Option<f64>,
    value: f64,
}

/// Makes a metric of all samples that have the same labels, except for the sample's label.
fn each_metric(
    family: &MetricFamily,
    set: impl Fn(&mut proto::Metric, &[Part]),
) -> Vec<proto::Metric> {
    let bound = family.kind().sample_label();
    let mut places = HashMap::new();
    let mut metrics: Vec<(proto::Metric, Vec<Part>)> = Vec::new();
    for sample in &family.samples {
        let labels = || sample.labels.iter().filter(|(name, _)| Some(*name) != bound);
        let at = *places.entry(labels().collect::<Vec<_>>()).or_insert(metrics.len());
        if at == metrics.len() {
            metrics.push((with_labels(labels()), Vec::new()));
        }
        let number = sample.labels.iter().find(|(name, _)| Some(*name) == bound);
        let number = number.and_then(|(_, number)| number.parse().ok());
        metrics[at].1.push(Part {
            suffix: sample.suffix,
            bound: number,
            value: float(sample.value),
        });
    }
    let metric = |(mut metric, parts): (proto::Metric, Vec<Part>)| {
        set(&mut metric, &parts);
        metric
    };
    metrics.into_iter().map(metric).collect()
}

fn histogram(metric: &mut proto::Metric, parts: &[Part]) {
    let mut histogram = proto::Histogram::default();
    let mut buckets = Vec::new();
    for Part { suffix, bound, value } in parts {
        match (*suffix, bound) {
            // The model of `prometheus` does not contain the bucket `+Inf`; its encoder adds that
            // bucket.
            ("_bucket", Some(f64::INFINITY)) => {}
            ("_bucket", Some(bound)) => {
                let mut bucket = proto::Bucket::default();
                bucket.set_upper_bound(*bound);
                bucket.set_cumulative_count(count(*value));
                buckets.push(bucket);
            }
            ("_sum" | "_gsum", None) => histogram.set_sample_sum(*value),
            ("_count" | "_gcount", None) => histogram.set_sample_count(count(*value)),
            _ => {}
        }
    }
    histogram.set_bucket(buckets);
    metric.set_histogram(histogram);
}

fn summary(metric: &mut proto::Metric, parts: &[Part]) {
    let mut summary = proto::Summary::default();
    let mut quantiles = Vec::new();
    for Part { suffix, bound, value } in parts {
        match (*suffix, bound) {
            ("", Some(bound)) => {
                let mut quantile = proto::Quantile::default();
                quantile.set_quantile(*bound);
                quantile.set_value(*value);
                quantiles.push(quantile);
            }
            ("_sum", None) => summary.set_sample_sum(*value),
            ("_count", None) => summary.set_sample_count(count(*value)),
            _ => {}
        }
    }
    summary.set_quantile(quantiles);
    metric.set_summary(summary);
}

fn with_labels<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> proto::Metric {
    let pair = |(name, value): (&str, &str)| {
        let mut pair = proto::LabelPair::default();
        pair.set_name(name.into());
        pair.set_value(value.into());
        pair
    };
    proto::Metric::from_label(labels.map(pair).collect())
}

fn float(value: Value) -> f64 {
    match value {
        Value::Integer(count) => count as f64,
        Value::Float(number) => number,
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count is whole")]
fn count(number: f64) -> u64 {
    number as u64
}
