//! Compares with the golden files: all languages must write these bytes for the same metrics. Also
//! tests that other processes read each metric type that counts in a segment.

use dataclay_metrics_core::{
    Buckets, Counter, Family, Gauge, GaugeMerge, Histogram, Opts, Registry, StateSet, Summary,
    encode,
};

/// Makes the metrics whose expositions are in `tests/golden`.
fn golden_metrics() -> Registry {
    let registry = Registry::new();
    let requests = Counter::new("requests", "Requests \"served\" \\ in\ntwo lines").expect("valid");
    requests.inc_by(12_345);
    registry.register(&requests).expect("the first");
    let bytes = Counter::new("bytes_total", "").expect("valid");
    bytes.inc_by_f64(2.5).expect("positive");
    registry.register(&bytes).expect("a new name");
    // This mode includes ended processes, so readers see the values after the process ends.
    let opts = Opts::new("number", "Grüße ✓").merge(GaugeMerge::SumOfAll);
    let numbers = Family::<Gauge>::with_opts(opts, ["of"]).expect("valid");
    registry.register(&numbers).expect("a new name");
    for (of, value) in [
        ("zero", 0.0),
        ("negative", -3.0),
        ("tenth", 0.1),
        ("large", 1e300),
        ("tiny", 5e-324),
        ("nan", f64::NAN),
        ("inf", f64::INFINITY),
        ("-inf", f64::NEG_INFINITY),
        ("back\\slash \"quote\" new\nline é", 1.0),
    ] {
        numbers.with_labels([of]).expect("room").set(value);
    }
    let buckets = Buckets::new([0.1, 1.0, 10.0]).expect("valid");
    let opts = Opts::new("wait_seconds", "Time in the queue").buckets(buckets);
    let wait = Histogram::with_opts(opts).expect("valid");
    wait.observe(0.0625);
    wait.observe_n(5.0, 2);
    wait.observe(12.0);
    registry.register(&wait).expect("a new name");
    let sizes = Family::<Summary>::new("size_bytes", "Size of an answer", ["method"]);
    let sizes = sizes.expect("valid");
    sizes.with_labels(["get"]).expect("room").observe_n(512.0, 3);
    registry.register(&sizes).expect("a new name");
    let opts = Opts::new("job_state", "What the job does").states(["waiting", "running"]);
    let job = StateSet::with_opts(opts).expect("valid");
    job.set("running").expect("one of its states");
    registry.register(&job).expect("a new name");
    registry
}

#[test]
fn the_text_equals_the_golden_file() {
    assert_eq!(encode::text(&golden_metrics().gather()), include_str!("../golden/metrics.txt"));
}

#[test]
fn open_metrics_equals_the_golden_file() {
    let written = encode::open_metrics(&golden_metrics().gather());
    assert_eq!(written, include_str!("../golden/metrics.openmetrics.txt"));
}

/// Returns the sorted lines of an exposition with start times. Omits the families that a node adds,
/// and metric types that segments do not share (docs/node.md).
#[cfg(target_os = "linux")]
fn lines(registry: &Registry, labels: &str) -> Vec<String> {
    registry.expose_created(true);
    let text = registry.encode(encode::Format::OpenMetrics);
    let text = text.replace(&format!("{{{labels}}}"), "").replace(&format!("{{{labels},"), "{");
    let others = ["job_state", "dataclay_metrics_segment"];
    let is_shared = |line: &&str| !others.iter().any(|name| line.contains(name));
    let mut lines: Vec<String> = text.lines().filter(is_shared).map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[cfg(target_os = "linux")]
fn registry_of(collector: &(impl dataclay_metrics_core::Collector + Clone)) -> Registry {
    let registry = Registry::new();
    registry.register(collector).expect("the first");
    registry
}

/// Runs a process that another test starts, in its role. It tests nothing itself.
#[cfg(target_os = "linux")]
#[test]
fn entry_point_of_child_processes() {
    use dataclay_metrics_core::segment::{self, Siblings, Whole};
    use dataclay_metrics_tests::processes;

    let Some((role, directory)) = processes::role() else { return };
    segment::attach(&directory, "golden", "metrics").expect("before the first count");
    let registry = match role.as_str() {
        "count" => golden_metrics(),
        "siblings" => registry_of(&Siblings),
        "whole" => registry_of(&Whole),
        other => panic!("no role {other}"),
    };
    processes::show(&lines(&registry, "").join("\n"));
}

#[cfg(target_os = "linux")]
#[test]
fn every_reader_of_a_segment_reads_every_metric() {
    use dataclay_metrics_core::node::Node;
    use dataclay_metrics_tests::processes::{Directory, run};

    let directory = Directory::new("golden");
    let counted = run("count", &directory);
    for suffix in ["requests_created ", "number{", "seconds_bucket{", "bytes_sum{"] {
        assert!(counted.contains(suffix), "{suffix}: {counted}");
    }
    assert_eq!(run("siblings", &directory), counted);
    assert_eq!(run("whole", &directory), counted);
    let reader = directory.reader();
    assert_eq!(lines(&registry_of(&reader), "").join("\n"), counted);
    let labels = format!("job=\"golden\",instance=\"{}\"", reader.exported_instance());
    assert_eq!(lines(&registry_of(&Node::new(&directory.0)), &labels).join("\n"), counted);
}
