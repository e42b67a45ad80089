//! The `process_*` families.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use dataclay_metrics_core::process::ProcessMetrics;
use dataclay_metrics_core::{Collector, MetricFamily, Registry, encode};
use dataclay_metrics_tests::fixtures::number;

#[test]
fn every_process_family_is_exposed() {
    let registry = Registry::new();
    registry.register(&ProcessMetrics::new()).expect("the first");
    let text = encode::text(&registry.gather());
    for name in [
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_max_fds",
        "process_virtual_memory_bytes",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_threads",
    ] {
        assert!(text.contains(&format!("\n{name} ")), "{name} in {text}");
    }
}

/// Compares with the collector of the `prometheus` crate, which exposes whole seconds.
#[test]
fn the_families_equal_those_of_the_prometheus_crate() {
    use prometheus::core::Collector as _;
    let theirs = prometheus::process_collector::ProcessCollector::for_self();
    let (ours, theirs) = (ProcessMetrics::new().collect(), theirs.collect());
    let described = |of: &MetricFamily| {
        (of.name().to_owned(), of.help().to_owned(), of.kind().as_str().to_uppercase())
    };
    let ours_described: Vec<_> = ours.iter().map(described).collect();
    let described = |of: &prometheus::proto::MetricFamily| {
        (of.name().to_owned(), of.help().to_owned(), format!("{:?}", of.get_field_type()))
    };
    assert_eq!(ours_described, theirs.iter().map(described).collect::<Vec<_>>());
    for name in ["process_max_fds", "process_start_time_seconds"] {
        let family = theirs.iter().find(|family| family.name() == name).expect("a family");
        let value = process_value(&ProcessMetrics::new(), name).floor();
        assert_eq!(
            family.get_metric()[0].get_gauge().get_value().to_bits(),
            value.to_bits(),
            "{name}"
        );
    }
}

fn process_value(of: &ProcessMetrics, name: &str) -> f64 {
    let families = of.collect();
    let family = families.iter().find(|family| family.name() == name).expect("a family");
    number(family.samples[0].value)
}

#[test]
fn the_cpu_time_has_fractions_of_a_second_and_the_start_is_recent() {
    let own = ProcessMetrics::new();
    let deadline = Instant::now() + Duration::from_secs(60);
    // Each read uses processor time.
    while process_value(&own, "process_cpu_seconds_total").fract() == 0.0 {
        assert!(Instant::now() < deadline, "only whole seconds");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let age = now - process_value(&own, "process_start_time_seconds");
    assert!((-2.0..3600.0).contains(&age), "{age}");
}

#[test]
fn another_process_is_read_and_named_with_a_prefix() {
    let parent = std::os::unix::process::parent_id().try_into().expect("a pid_t");
    let other = ProcessMetrics::of(Some(parent), "parent");
    let (theirs, own) = (other.collect(), ProcessMetrics::new().collect());
    let names = |of: &[MetricFamily]| -> Vec<String> {
        of.iter().map(|family| family.name().to_owned()).collect()
    };
    let prefixed: Vec<String> = names(&own).iter().map(|name| format!("parent_{name}")).collect();
    assert_eq!(names(&theirs), prefixed);
    let start = process_value(&other, "parent_process_start_time_seconds");
    assert!(start <= process_value(&ProcessMetrics::new(), "process_start_time_seconds"));

    // Linux has no process with this id, which is above its largest.
    let missing = ProcessMetrics::of(Some(1 << 30), "");
    assert!(missing.collect().is_empty());
    assert_eq!(missing.describe().len(), own.len());
}
