//! The bridge to and from the `prometheus` crate.
//!
//! * Ours in theirs: a [`Registry`] is a [`prometheus::core::Collector`], so that a service which
//!   has a `prometheus::Registry` registers ours in it and exports both its own way.
//! * Theirs in ours: a [`PrometheusRegistry`] is a [`Collector`], so that our exporters serve a
//!   `prometheus::Registry` beside our metrics.
//! * [`ProcessMetrics`] is that crate's `ProcessCollector`: the `process_*` families.

use std::collections::HashMap;
use std::sync::Arc;

use prometheus::proto;

use crate::encode;
use crate::model::desc::{Desc, Kind};
use crate::model::labels::Labels;
use crate::model::snapshot::{MetricFamily, Sample, Value};
use crate::registry::Registry;
use crate::registry::collector::Collector;
use crate::sync::locks;

pub use crate::collectors::process::ProcessMetrics;

/// Registers in a `prometheus::Registry` what is registered here.
///
/// `prometheus` checks for duplicates when the registry is registered there; a metric that is
/// registered here later is exported all the same. A clone of a registry is a `Collector` too:
/// `theirs.register(Box::new(ours.clone()))`.
///
/// ```
/// use dataclay_metrics_core::{Counter, Registry};
///
/// let ours = Registry::new();
/// let hits = Counter::new("hits", "Lookups that hit")?;
/// ours.register(&hits)?;
/// hits.inc();
///
/// let theirs = prometheus::Registry::new();
/// theirs.register(Box::new(ours.clone()))?;
/// let text = prometheus::TextEncoder::new().encode_to_string(&theirs.gather())?;
/// assert!(text.ends_with("hits_total 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl prometheus::core::Collector for Registry {
    fn desc(&self) -> Vec<&prometheus::core::Desc> {
        let describe = || self.entries(|all| all.descs().filter_map(to_prometheus_desc).collect());
        locks::get_or_init(&self.prometheus_descs, describe).iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        self.gather().iter().filter_map(to_prometheus).collect()
    }
}

/// A `prometheus::Registry` (that of another library in the process, or one with histograms), to be
/// registered in ours. Its families keep their names, counters without `_total` included.
///
/// ```
/// use dataclay_metrics_core::{Registry, encode, prometheus::PrometheusRegistry};
///
/// let theirs = prometheus::Registry::new();
/// let gauge = prometheus::IntGauge::new("queue_length", "Jobs that wait")?;
/// theirs.register(Box::new(gauge.clone()))?;
/// gauge.set(7);
///
/// let ours = Registry::new();
/// ours.register(&PrometheusRegistry::new(theirs))?;
/// assert!(encode::text(&ours.gather()).ends_with("queue_length 7\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct PrometheusRegistry(Arc<prometheus::Registry>);

impl PrometheusRegistry {
    /// The bridge to `registry`, of which a clone is the same registry.
    pub fn new(registry: prometheus::Registry) -> PrometheusRegistry {
        PrometheusRegistry(Arc::new(registry))
    }
}

impl Collector for PrometheusRegistry {
    fn describe(&self) -> Vec<Desc> {
        self.collect().iter().map(|family| family.desc().clone()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.0.gather().iter().map(from_prometheus).collect()
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}

/// `prometheus` has two data models, chosen by its feature `protobuf`, which any crate of a build
/// may turn on. Of these two names for a number each model has one, and this gives it the other.
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

pub(crate) fn from_prometheus(family: &proto::MetricFamily) -> MetricFamily {
    let kind = match family.get_field_type() {
        proto::MetricType::COUNTER => Kind::Counter,
        proto::MetricType::GAUGE => Kind::Gauge,
        proto::MetricType::HISTOGRAM => Kind::Histogram,
        proto::MetricType::SUMMARY => Kind::Summary,
        proto::MetricType::UNTYPED => Kind::Untyped,
    };
    let name = family.name().to_owned();
    let desc = Desc::unchecked(kind, name, family.help().to_owned(), Labels::default());
    let mut samples = Vec::new();
    for metric in family.get_metric() {
        match kind {
            Kind::Counter => push(&mut samples, "", metric, None, metric.get_counter().value()),
            Kind::Gauge | Kind::Info | Kind::Untyped => {
                push(&mut samples, "", metric, None, metric.get_gauge().value());
            }
            Kind::Histogram => push_histogram(&mut samples, metric),
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
        push(samples, "_bucket", metric, Some(("le", bound)), cumulative);
    }
    push(samples, "_sum", metric, None, histogram.get_sample_sum());
    push(samples, "_count", metric, None, count);
}

fn push_summary(samples: &mut Vec<Sample>, metric: &proto::Metric) {
    let summary = metric.get_summary();
    for quantile in summary.get_quantile() {
        let label = Some(("quantile", quantile.quantile()));
        push(samples, "", metric, label, quantile.value());
    }
    push(samples, "_sum", metric, None, summary.sample_sum());
    push(samples, "_count", metric, None, summary.sample_count() as f64);
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
    let bound = bound.map(|(name, bound)| (name.to_owned(), encode::bound(bound)));
    let labels = Labels::unchecked(own.chain(bound).collect());
    samples.push(Sample { suffix, labels, value: Value::Float(value) });
}

/// `None` for an empty help, which `prometheus` refuses to describe.
fn to_prometheus_desc(desc: &Desc) -> Option<prometheus::core::Desc> {
    let labels: HashMap<String, String> =
        desc.labels().iter().map(|(name, value)| (name.into(), value.into())).collect();
    prometheus::core::Desc::new(desc.name().into(), desc.help().into(), vec![], labels).ok()
}

/// `None` for histograms and summaries, which this crate does not make.
fn to_prometheus(family: &MetricFamily) -> Option<proto::MetricFamily> {
    let kind = match family.kind() {
        Kind::Counter => proto::MetricType::COUNTER,
        // Its text encoder panics on the type untyped.
        Kind::Gauge | Kind::Info | Kind::Untyped => proto::MetricType::GAUGE,
        Kind::Histogram | Kind::Summary => return None,
    };
    let metrics = family.samples.iter().map(|sample| {
        let labels = sample.labels.iter().map(|(name, value)| {
            let mut pair = proto::LabelPair::default();
            pair.set_name(name.into());
            pair.set_value(value.into());
            pair
        });
        let mut metric = proto::Metric::from_label(labels.collect());
        let value = match sample.value {
            Value::Integer(count) => count as f64,
            Value::Float(number) => number,
        };
        if family.kind() == Kind::Counter {
            let mut counter = proto::Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = proto::Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        metric
    });
    let mut theirs = proto::MetricFamily::default();
    theirs.set_name(family.name().into());
    theirs.set_help(family.help().into());
    theirs.set_field_type(kind);
    theirs.set_metric(metrics.collect());
    Some(theirs)
}
