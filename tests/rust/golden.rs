//! The golden files: all languages must write these bytes for the same metrics.

use dataclay_metrics_core::{
    Buckets, Counter, Family, Gauge, Histogram, Opts, Registry, StateSet, Summary, encode,
};

/// Makes the metrics of the files in `tests/golden`.
fn golden() -> Registry {
    let registry = Registry::new();
    let requests = Counter::new("requests", "Requests \"served\" \\ in\ntwo lines").expect("valid");
    requests.inc_by(12_345);
    registry.register(&requests).expect("the first");
    let bytes = Counter::new("bytes_total", "").expect("valid");
    bytes.inc_by_f64(2.5).expect("positive");
    registry.register(&bytes).expect("another name");
    let numbers = Family::<Gauge>::new("number", "Grüße ✓", ["of"]).expect("valid");
    registry.register(&numbers).expect("another name");
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
    registry.register(&wait).expect("another name");
    let sizes = Family::<Summary>::new("size_bytes", "Size of an answer", ["method"]);
    let sizes = sizes.expect("valid");
    sizes.with_labels(["get"]).expect("room").observe_n(512.0, 3);
    registry.register(&sizes).expect("another name");
    let opts = Opts::new("job_state", "What the job does").states(["waiting", "running"]);
    let job = StateSet::with_opts(opts).expect("valid");
    job.set("running").expect("one of its states");
    registry.register(&job).expect("another name");
    registry
}

#[test]
fn text() {
    assert_eq!(encode::text(&golden().gather()), include_str!("../golden/metrics.txt"));
}

#[test]
fn open_metrics() {
    let written = encode::open_metrics(&golden().gather());
    assert_eq!(written, include_str!("../golden/metrics.openmetrics.txt"));
}
