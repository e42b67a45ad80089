//! The health metrics of this library in a process, read from `diagnostics/events.rs`.

use std::sync::Arc;

use crate::diagnostics::events::{
    CALLBACK_FAILURES, EXPORTER_PANICS, Event, LABEL_OVERFLOWS, LAST_PUSH, PUSH_FAILURES, PUSHES,
    REJECTED_POINTS, SCRAPES, SEGMENT_FAILURES, SERIES_APART, START_FAILURES,
};
use crate::model::desc::Desc;
use crate::model::kind::Kind;
use crate::model::labels::Labels;
use crate::model::sample::Sample;
use crate::model::snapshot::MetricFamily;
use crate::model::value::Value;
use crate::registry::call::Call;
use crate::registry::collector::Collector;

/// Collects the health metrics of this library, for the whole process. With a segment, they cover
/// all processes that count there, including those that have ended.
///
/// * `dataclay_metrics_build_info`: always 1, with the label `version`
/// * `dataclay_metrics_scrapes_total`: scrapes of `/metrics` that got a response
/// * `dataclay_metrics_pushes_total`: requests to a Pushgateway or an OTLP endpoint, by `result`:
///   `success`, `failure`
/// * `dataclay_metrics_last_push_timestamp_seconds`: Unix time of the last success; absent before
///   the first
/// * `dataclay_metrics_rejected_points_total`: points that an OTLP endpoint rejected in requests
///   that it accepted
/// * `dataclay_metrics_callback_failures_total`: calls of a gauge's function that returned no value
/// * `dataclay_metrics_label_overflows_total`: look-ups of new label values in a full
///   [`Family`](crate::Family)
/// * `dataclay_metrics_start_failures_total`: failed attempts to restart an exporter after a fork
/// * `dataclay_metrics_exporter_panics_total`: panics on an exporter's thread, which continues
/// * `dataclay_metrics_segment_failures_total`: failed attempts to use a segment; the counts of
///   such a process end with it
/// * `dataclay_metrics_private_series_total`: series in private memory although their process has a
///   segment
///
/// ```
/// use dataclay_metrics_core::{Registry, encode, health::Health};
///
/// let registry = Registry::new();
/// registry.register(&Health)?;
/// assert!(encode::text(&registry.gather()).contains("\ndataclay_metrics_scrapes_total 0\n"));
/// # Ok::<(), dataclay_metrics_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Health;

impl Collector for Health {
    fn describe(&self) -> Vec<Desc> {
        families().into_iter().map(|(desc, _)| desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let families = families().into_iter().filter(|(_, samples)| !samples.is_empty());
        families.map(|(desc, samples)| MetricFamily::with_samples(desc, samples)).collect()
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(Vec::new())
    }

    fn id(&self) -> usize {
        (&raw const SCRAPES).addr()
    }
}

fn families() -> [(Desc, Vec<Sample>); 11] {
    let last = LAST_PUSH.latest();
    let last = (last > 0).then(|| sample(&[], Value::Float(last as f64 / 1e3)));
    [
        (
            gauge("build_info", "The version of dataclay-metrics"),
            vec![sample(&[("version", env!("CARGO_PKG_VERSION"))], Value::Integer(1))],
        ),
        counter("scrapes_total", "Scrapes that got a response", &SCRAPES),
        (
            desc(Kind::Counter, "pushes_total", "Requests to a Pushgateway or an OTLP endpoint"),
            vec![
                sample(&[("result", "success")], count(&PUSHES)),
                sample(&[("result", "failure")], count(&PUSH_FAILURES)),
            ],
        ),
        (
            gauge("last_push_timestamp_seconds", "Unix time of the last successful push"),
            last.into_iter().collect(),
        ),
        counter(
            "rejected_points_total",
            "Points that an OTLP endpoint rejected in requests that it accepted",
            &REJECTED_POINTS,
        ),
        counter(
            "callback_failures_total",
            "Calls of a gauge's function that returned no value",
            &CALLBACK_FAILURES,
        ),
        counter(
            "label_overflows_total",
            "Look-ups of new label values in a full family",
            &LABEL_OVERFLOWS,
        ),
        counter(
            "start_failures_total",
            "Failed attempts to restart an exporter after a fork",
            &START_FAILURES,
        ),
        counter(
            "exporter_panics_total",
            "Panics on an exporter's thread, which continues",
            &EXPORTER_PANICS,
        ),
        counter("segment_failures_total", "Failed attempts to use a segment", &SEGMENT_FAILURES),
        counter(
            "private_series_total",
            "Series in private memory although their process has a segment",
            &SERIES_APART,
        ),
    ]
}

fn desc(kind: Kind, name: &str, help: &str) -> Desc {
    Desc::unchecked(kind, format!("dataclay_metrics_{name}"), help.into(), Labels::default())
}

fn gauge(name: &str, help: &str) -> Desc {
    desc(Kind::Gauge, name, help)
}

fn counter(name: &str, help: &str, number: &Event) -> (Desc, Vec<Sample>) {
    (desc(Kind::Counter, name, help), vec![sample(&[], count(number))])
}

fn count(number: &Event) -> Value {
    Value::Integer(number.total())
}

fn sample(labels: &[(&str, &str)], value: Value) -> Sample {
    let owned = labels.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    Sample::new("", Labels::unchecked(owned.collect()), value)
}
