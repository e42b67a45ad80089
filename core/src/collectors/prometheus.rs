//! The bridge to and from the `prometheus` crate.
//!
//! * A [`Registry`] of this crate is a [`prometheus::core::Collector`]. A service that has a
//!   `prometheus::Registry` registers it there, and exports both.
//! * A [`PrometheusRegistry`] is a [`Collector`] of this crate, so our exporters can also serve a
//!   `prometheus::Registry`.

use std::collections::HashMap;
use std::sync::Arc;

use prometheus::proto;

use crate::collectors::prometheus_model::{from_prometheus, to_prometheus};
use crate::model::desc::Desc;
use crate::model::snapshot::MetricFamily;
use crate::registry::Registry;
use crate::registry::collector::Collector;
use crate::sync::locks;

/// Exports the metrics of this registry from a `prometheus::Registry`.
///
/// `prometheus` checks for duplicates only when this registry is registered. It does not check
/// metrics that are registered here later.
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
        let describe = || self.entries().descs().filter_map(to_prometheus_desc).collect();
        locks::get_or_init(&self.prometheus_descs, describe).iter().collect()
    }

    fn collect(&self) -> Vec<proto::MetricFamily> {
        self.gather().iter().map(to_prometheus).collect()
    }
}

/// Exports a `prometheus::Registry` from a registry of this crate, such as the registry of another
/// library in the process. Its families keep their names, so a counter may lack the suffix
/// `_total`.
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
    /// Returns the bridge to `registry`. Clones of `registry` are the same registry.
    pub fn new(registry: prometheus::Registry) -> PrometheusRegistry {
        PrometheusRegistry(Arc::new(registry))
    }
}

impl Collector for PrometheusRegistry {
    fn describe(&self) -> Vec<Desc> {
        self.collect().iter().map(|family| family.desc().clone()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        from_prometheus(&self.0.gather())
    }

    fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}

/// Returns the description, or `None` for an empty help, which `prometheus` refuses.
fn to_prometheus_desc(desc: &Desc) -> Option<prometheus::core::Desc> {
    let labels: HashMap<String, String> =
        desc.labels().iter().map(|(name, value)| (name.into(), value.into())).collect();
    prometheus::core::Desc::new(desc.name().into(), desc.help().into(), vec![], labels).ok()
}
