//! The bridge to the `prometheus` crate, in both directions.

use dataclay_metrics_core::encode::{self, Format};
use dataclay_metrics_core::prometheus::PrometheusRegistry;
use dataclay_metrics_core::{Counter, Error, Gauge, Labels, Opts, Registry};
use prometheus::TextEncoder;

#[test]
fn the_text_equals_that_of_the_prometheus_crate() {
    let registry = Registry::new();
    let odd = "back\\slash \"quote\" new\nline ünïcode";
    let labels = Labels::new([("path", odd), ("empty", "")]).expect("valid");
    let hits = Counter::with_opts(Opts::new("hits", odd).const_labels(labels)).expect("valid");
    hits.inc_by(12_345);
    registry.register(&hits).expect("the first");
    for (name, value) in [
        ("zero", 0.0),
        ("half", -0.5),
        ("large", 1e15),
        ("not_a_number", f64::NAN),
        ("inf", f64::INFINITY),
    ] {
        let gauge = Gauge::new(name, "A gauge").expect("valid");
        gauge.set(value);
        registry.register(&gauge).expect("a new name");
    }

    let theirs = prometheus::Registry::new();
    theirs.register(Box::new(registry.clone())).expect("no duplicate");
    let expected = TextEncoder::new().encode_to_string(&theirs.gather()).expect("encoded");
    let mut ours = registry.gather();
    // The `prometheus` crate sorts by name and labels, and writes infinity as Rust does.
    ours.sort_by(|a, b| a.name().cmp(b.name()));
    let ours = encode::text(&ours).replace("path=", "\0").replace("empty=\"\",", "");
    let expected = expected.replace("inf inf\n", "inf +Inf\n").replace("path=", "\0");
    let expected = expected.replace("empty=\"\",", "");
    let sorted = |text: &str| {
        let text = text.replace(",empty=\"\"", "");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&ours), sorted(&expected));
}

#[test]
fn a_prometheus_registry_refuses_a_second_registration() {
    let ours = Registry::new();
    ours.register(&Counter::new("hits", "Hits").expect("valid")).expect("the first");
    let theirs = prometheus::Registry::new();
    theirs.register(Box::new(ours.clone())).expect("the first");
    assert!(theirs.register(Box::new(ours)).is_err());
}

#[test]
fn metrics_of_a_bridged_registry_are_exposed_with_all_others() {
    let theirs = prometheus::Registry::new();
    let opts = prometheus::HistogramOpts::new("wait", "Waits").buckets(vec![0.5, 1.0]);
    let histogram = prometheus::Histogram::with_opts(opts).expect("valid");
    theirs.register(Box::new(histogram.clone())).expect("the first");
    let calls = prometheus::IntCounter::new("calls", "Calls").expect("valid");
    theirs.register(Box::new(calls.clone())).expect("the first");
    histogram.observe(0.7);
    calls.inc_by(3);

    let ours = Registry::new();
    ours.register(&Counter::new("hits", "Hits").expect("valid")).expect("the first");
    ours.register(&PrometheusRegistry::new(theirs)).expect("no name in common");
    assert_eq!(
        encode::text(&ours.gather()),
        "# HELP hits_total Hits\n# TYPE hits_total counter\nhits_total 0\n\
         # HELP calls Calls\n# TYPE calls counter\ncalls 3\n\
         # HELP wait Waits\n# TYPE wait histogram\nwait_bucket{le=\"0.5\"} 0\n\
         wait_bucket{le=\"1.0\"} 1\nwait_bucket{le=\"+Inf\"} 1\nwait_count 1\nwait_sum 0.7\n"
    );
}

#[test]
fn a_bridged_counter_keeps_its_name_in_both_formats() {
    let labels = [("zone".to_owned(), "a".to_owned())].into();
    let theirs = prometheus::Registry::new_custom(Some("app".into()), Some(labels));
    let theirs = theirs.expect("a valid prefix");
    let plain = prometheus::Registry::new();
    for name in ["requests", "jobs_total", "x_created", "x_info", "y_bucket"] {
        let counter = prometheus::IntCounter::new(name, "c").expect("valid");
        theirs.register(Box::new(counter)).expect("a new name");
    }
    let opts = prometheus::Opts::new("by_method", "c");
    let family = prometheus::IntCounterVec::new(opts, &["method"]).expect("valid");
    family.with_label_values(&["get"]).inc();
    theirs.register(Box::new(family)).expect("a new name");
    let nameless = prometheus::IntCounter::new("_total", "c").expect("`prometheus` accepts it");
    plain.register(Box::new(nameless)).expect("the first");

    let ours = Registry::new();
    ours.register(&PrometheusRegistry::new(theirs)).expect("no name in common");
    ours.register(&PrometheusRegistry::new(plain)).expect("no name in common");
    let samples = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    let text = ours.encode(Format::Text);
    assert_eq!(
        samples(&text),
        [
            "app_by_method{method=\"get\",zone=\"a\"} 1",
            "app_jobs_total{zone=\"a\"} 0",
            "app_requests{zone=\"a\"} 0",
            "app_x_created{zone=\"a\"} 0",
            "app_x_info{zone=\"a\"} 0",
            "app_y_bucket{zone=\"a\"} 0",
            "_total 0",
        ]
    );
    let open_metrics = ours.encode(Format::OpenMetrics);
    assert_eq!(samples(&open_metrics), samples(&text));
    assert_eq!(encode::open_metrics(&ours.gather()), open_metrics);
    for line in [
        "# TYPE app_requests unknown",
        "# TYPE app_by_method unknown",
        "# TYPE _total unknown",
        "# TYPE app_jobs counter",
    ] {
        assert!(open_metrics.lines().any(|there| there == line), "{line}: {open_metrics}");
    }
    let kinds = text.lines().filter(|line| line.starts_with("# TYPE"));
    assert!(kinds.into_iter().all(|line| line.ends_with(" counter")), "{text}");
}

#[test]
fn a_bridged_registry_may_have_a_gauge_and_a_counter_with_one_stem() {
    let theirs = prometheus::Registry::new();
    for name in ["jobs", "tasks_created"] {
        let gauge = prometheus::IntGauge::new(name, "g").expect("valid");
        theirs.register(Box::new(gauge)).expect("a new name");
    }
    for name in ["jobs_total", "tasks_total", "runs", "runs_total"] {
        let counter = prometheus::IntCounter::new(name, "c").expect("valid");
        theirs.register(Box::new(counter)).expect("a new name");
    }
    let ours = Registry::new();
    ours.register(&PrometheusRegistry::new(theirs)).expect("no name in common");
    let refused =
        ours.register(&Counter::new("jobs", "").expect("valid")).expect_err("a reserved name");
    assert!(refused.to_string().contains("jobs_total"), "{refused}");

    let types = |format| -> Vec<String> {
        let text = ours.encode(format);
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        types.map(str::to_owned).collect()
    };
    assert_eq!(
        types(Format::Text),
        [
            "jobs gauge",
            "jobs_total counter",
            "runs counter",
            "runs_total counter",
            "tasks_created gauge",
            "tasks_total counter"
        ]
    );
    // In OpenMetrics, the name of a counter has no `_total`, so it would be that of the gauge.
    assert_eq!(
        types(Format::OpenMetrics),
        [
            "jobs gauge",
            "jobs_total unknown",
            "runs unknown",
            "runs_total unknown",
            "tasks_created gauge",
            "tasks_total unknown"
        ]
    );
}

#[test]
fn a_bridged_registry_must_not_reuse_a_registered_name() {
    let theirs = prometheus::Registry::new();
    let gauge = prometheus::IntGauge::new("taken", "Theirs").expect("valid");
    theirs.register(Box::new(gauge)).expect("the first");
    let ours = Registry::new();
    ours.register(&Gauge::new("taken", "Ours").expect("valid")).expect("the first");
    assert!(matches!(
        ours.register(&PrometheusRegistry::new(theirs)),
        Err(Error::Duplicate { .. })
    ));
}
