//! The collector of all segments of a directory. Each process is this test program again.
#![cfg(target_os = "linux")]

use std::fs;

use dataclay_metrics_core::node::Node;
use dataclay_metrics_core::{
    Collector, Counter, Gauge, Histogram, NativeBuckets, Opts, Registry, encode, segment,
};
use dataclay_metrics_tests::processes::{self, Directory, run, show, value};

/// Runs a process that another test starts, in its role. It tests nothing itself.
#[test]
fn entry_point_of_child_processes() {
    let Some((instance, directory)) = processes::role() else { return };
    segment::attach(&directory, "test", &instance).expect("before the first count");
    Counter::new("hits", "Hits").expect("valid").inc();
    if instance == "c" {
        Gauge::new("jobs_total", "Jobs").expect("valid").set(9.0);
    } else {
        Counter::new("jobs", "Jobs").expect("valid").inc_by(2);
    }
    let native = NativeBuckets::new(2, 0.25, 64.0).expect("valid");
    let waits = Opts::new("waits", "").native_buckets(native);
    Histogram::with_opts(waits).expect("valid").observe(2.5);
    // This process lives, so its gauge is not hidden yet.
    let registry = Registry::new();
    registry.register(&Node::new(&directory)).expect("the first");
    show(&encode::text(&registry.gather()));
}

#[test]
fn a_damaged_segment_and_a_family_of_another_type_are_omitted() {
    let directory = Directory::new("node");
    let registry = Registry::new();
    let node = Node::new(&directory.0);
    registry.register(&node).expect("the first");
    let text = || encode::text(&registry.gather());
    assert_eq!(value(&text(), "dataclay_metrics_segments_unreadable"), Some(0.0));
    for instance in ["a", "b"] {
        run(instance, &directory);
    }
    let live = run("c", &directory);
    assert!(!live.contains("jobs_total{job=\"test\",instance=\"c"), "{live}");
    // A new collector, because `node` must open the segments after the damage.
    let families = Node::new(&directory.0).collect();
    let waits = families.iter().find(|family| family.name() == "waits").expect("a family");
    let native = waits.samples.native_histograms();
    assert_eq!(native.len(), 3);
    for (labels, native) in native {
        let is_of_a_sample = waits.samples.iter().any(|sample| sample.labels == labels);
        assert!(is_of_a_sample && native.count == 1, "{labels}");
    }
    assert_eq!(live.matches("# TYPE jobs_total counter").count(), 1, "{live}");
    let files = segment::list(&directory.0).expect("the directory");
    fs::write(&files[0], "not a segment").expect("written");
    let (readers, failures) = node.segments();
    assert_eq!((readers.len(), failures.len()), (2, 1), "{failures:?}");
    let text = text();
    for series in ["hits_total", "jobs_total"] {
        assert!(!text.contains(&format!("{series}{{job=\"test\",instance=\"a")), "{text}");
        assert!(text.contains(&format!("{series}{{job=\"test\",instance=\"b")), "{text}");
    }
    assert_eq!(value(&text, "dataclay_metrics_segments_unreadable"), Some(1.0));
    fs::remove_file(&files[1]).expect("removed");
    assert_eq!(node.segments().0.len(), 1, "the collector drops its reader");
}
