//! Registration, and how a registry is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dataclay_metrics_core::encode::{self, Format};
use dataclay_metrics_core::{
    Collector, Counter, Desc, Error, Family, Gauge, Info, Kind, Labels, MetricFamily, Opts,
    Registry, Sample, Value,
};

fn counter(name: &str, help: &str) -> Counter {
    Counter::new(name, help).expect("a valid name")
}

#[test]
fn the_error_for_a_duplicate_names_both_metrics() {
    let registry = Registry::new();
    registry.register(&counter("hits", "The first")).expect("the first");
    let second = Gauge::new("hits_total", "The second").expect("a valid name");
    let error = registry.register(&second).expect_err("a duplicate");
    assert_eq!(
        error.to_string(),
        "gauge hits_total (\"The second\") conflicts with the registered \
         counter hits_total (\"The first\"), which has another type"
    );
    assert_eq!(registry.gather().len(), 1);
}

#[test]
fn the_error_for_a_duplicate_names_the_difference() {
    let made = |name: &str, help: &str, labels: &[(&str, &str)]| {
        let labels = Labels::new(labels.iter().copied()).expect("valid");
        Counter::with_opts(Opts::new(name, help).const_labels(labels)).expect("valid")
    };
    let registry = Registry::new();
    registry.register(&made("hits", "Hits", &[("a", "1"), ("b", "2")])).expect("the first");
    for (second, difference) in [
        (made("hits", "Others", &[("a", "1"), ("b", "3")]), "another help text"),
        (made("hits", "Hits", &[("a", "1")]), "other label names"),
        (made("hits", "Hits", &[("a", "1"), ("b", "2")]), "the same labels"),
        (made("hits", "Hits", &[("b", "2"), ("a", "1")]), "the same labels"),
    ] {
        let error = registry.register(&second).expect_err("refused").to_string();
        assert!(error.ends_with(&format!(", which has {difference}")), "{error}");
    }
    let family = |names: [&str; 2]| Family::<Gauge>::new("size", "Size", names).expect("valid");
    registry.register(&family(["c", "d"])).expect("a new name");
    let error = registry.register(&family(["c", "e"])).expect_err("refused").to_string();
    assert!(error.contains("size[c, e]") && error.contains("size[c, d]"), "{error}");
    let bare = Gauge::new("size", "Size").expect("valid");
    let error = registry.register(&bare).expect_err("refused").to_string();
    assert!(error.ends_with("size[c, d] (\"Size\"), which has other label names"), "{error}");
    let namesake = Gauge::new("hits_total", "Hits").expect("valid");
    let error = registry.register(&namesake).expect_err("refused").to_string();
    assert!(error.ends_with("which has another type"), "{error}");
}

#[test]
fn constant_labels_in_any_order_form_one_family() {
    let registry = Registry::new();
    for labels in [[("a", "1"), ("b", "2")], [("b", "1"), ("a", "2")], [("a", "2"), ("b", "2")]] {
        let labels = Labels::new(labels).expect("valid");
        let hits = Counter::with_opts(Opts::new("hits", "").const_labels(labels)).expect("valid");
        registry.register(&hits).expect("other values");
    }
    let text = encode::text(&registry.gather());
    assert_eq!(text.matches("# TYPE").count(), 1, "{text}");
    assert!(text.contains("hits_total{b=\"1\",a=\"2\"} 0\n"), "{text}");
    assert_eq!(text.matches("hits_total{").count(), 3, "{text}");
}

#[test]
fn unregister_removes_only_the_same_metric() {
    let registry = Registry::new();
    let hits = counter("hits", "");
    registry.register(&hits).expect("the first");
    let namesake = counter("hits", "");
    assert!(matches!(registry.unregister(&namesake), Err(Error::NotRegistered { .. })));
    registry.unregister(&hits.clone()).expect("a clone is the same");
    assert!(registry.gather().is_empty());
    registry.register(&namesake).expect("the name is free again");
}

#[test]
fn metrics_that_differ_in_constant_labels_form_one_family() {
    let registry = Registry::new();
    for (service, count) in [("a", 1), ("b", 2)] {
        let labels = Labels::new([("service", service)]).expect("valid");
        let requests = Counter::with_opts(Opts::new("requests", "Served").const_labels(labels))
            .expect("valid");
        registry.register(&requests).expect("another label value");
        registry.register(&counter(&format!("between_{service}"), "")).expect("a new name");
        requests.inc_by(count);
    }
    let text = encode::text(&registry.gather());
    assert!(text.contains(
        "# TYPE requests_total counter\nrequests_total{service=\"a\"} 1\n\
         requests_total{service=\"b\"} 2\n"
    ));
    assert_eq!(text.matches("# TYPE requests_total").count(), 1, "{text}");
}

#[test]
fn families_with_one_name_must_differ_in_constant_labels() {
    let registry = Registry::new();
    let family = |service: &str, names: &[&str]| {
        let labels = Labels::new([("service", service)]).expect("valid");
        let opts = Opts::new("requests", "Served").const_labels(labels);
        Family::<Counter>::with_opts(opts, names.iter().copied()).expect("valid")
    };
    for service in ["a", "b"] {
        let requests = family(service, &["code"]);
        registry.register(&requests).expect("another label value");
        requests.with_labels(["200"]).expect("room").inc();
    }
    assert!(registry.register(&family("b", &["code"])).is_err(), "the same labels");
    assert!(registry.register(&family("c", &["method"])).is_err(), "other label names");
    let plain = Opts::new("requests", "Served")
        .const_labels(Labels::new([("service", "d")]).expect("valid"));
    let plain = Counter::with_opts(plain).expect("valid");
    assert!(registry.register(&plain).is_err(), "no label names");
    let expected = "# HELP requests_total Served\n# TYPE requests_total counter\n\
         requests_total{service=\"a\",code=\"200\"} 1\n\
         requests_total{service=\"b\",code=\"200\"} 1\n";
    assert_eq!(registry.encode(Format::Text), expected);
    assert_eq!(encode::text(&registry.gather()), expected);
}

/// A collector that may yield other families than it describes.
#[derive(Clone)]
struct Custom {
    described: &'static [&'static str],
    yields: &'static [(&'static str, &'static str)],
}

impl Collector for Custom {
    fn describe(&self) -> Vec<Desc> {
        let desc = |name: &&str| Desc::new(Kind::Gauge, name, "", Labels::default());
        self.described.iter().map(|name| desc(name).expect("valid")).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let family = |(name, by): &(&str, &str)| {
            let mut family = MetricFamily::new(Kind::Gauge, name, "").expect("valid");
            let labels = Labels::new([("by", *by)]).expect("valid");
            family.samples.push(Sample::new("", labels, Value::Float(0.5)));
            family
        };
        self.yields.iter().map(family).collect()
    }

    fn id(&self) -> usize {
        self.yields.as_ptr().addr()
    }
}

/// Compares the encoding of each kind of collector with the encoding of its snapshot.
#[test]
fn a_registry_is_encoded_like_its_snapshot() {
    let registry = Registry::new();
    let assert_same = |lines: usize| {
        for format in [Format::Text, Format::OpenMetrics] {
            let families = registry.gather();
            assert_eq!(registry.encode(format), encode::encode(&families, format));
            // The encoders keep no texts for lists of samples.
            let copies = families.iter().map(|family| {
                let mut copy = family.clone();
                copy.samples = family.samples.to_vec().into();
                copy
            });
            let copies: Vec<MetricFamily> = copies.collect();
            assert_eq!(registry.encode(format), encode::encode(&copies, format));
        }
        let text = registry.encode(Format::Text);
        let samples = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(samples, lines, "{text}");
    };
    assert_same(0);
    registry.register(&counter("plain", "back\\slash \"quote\"")).expect("a new name");
    for service in ["a", "\\ \" \n"] {
        let labels = Labels::new([("service", service)]).expect("valid");
        let counter =
            Counter::with_opts(Opts::new("constant", "").const_labels(labels)).expect("valid");
        registry.register(&counter).expect("a new name");
        registry.register(&gauge_between(service)).expect("a new name");
    }
    let gauge = Gauge::new("gauge", "").expect("valid");
    registry.register(&gauge).expect("a new name");
    let info = Info::new("build", "").expect("valid");
    registry.register(&info).expect("a new name");
    let family = Family::<Counter>::new("family", "Of \"children\"", ["x", "y"]).expect("valid");
    registry.register(&family).expect("a new name");
    assert_same(7);
    for value in ["1", "2", "\\ \" \n"] {
        family.with_labels([value, ""]).expect("room").inc_by(7);
    }
    assert_same(10);
    family.with_labels(["1", ""]).expect("room").inc_by_f64(0.25).expect("valid");
    family.with_labels(["3", ""]).expect("room");
    assert!(family.remove(["2", ""]));
    assert_same(10);
    assert!(registry.encode(Format::Text).contains("family_total{x=\"1\",y=\"\"} 7.25\n"));
    family.clear();
    gauge.set_function(|| None);
    assert_same(6);
    // The first collector yields more than it describes, and the second describes nothing.
    let described = Custom { described: &["d"], yields: &[("late", "d"), ("d", "d")] };
    registry.register(&described).expect("a new name");
    assert_same(8);
    assert!(
        registry
            .encode(Format::Text)
            .ends_with("d{by=\"d\"} 0.5\n# HELP late \n# TYPE late gauge\nlate{by=\"d\"} 0.5\n")
    );
    let silent = Custom { described: &[], yields: &[("late", "s"), ("d", "d"), ("d", "s")] };
    registry.register(&silent).expect("a new name");
    assert_same(10);
    assert!(registry.encode(Format::Text).contains("d{by=\"d\"} 0.5\nd{by=\"s\"} 0.5\n"));
    registry.unregister(&silent).expect("registered");
    assert_same(8);
}

#[test]
fn readers_see_the_last_change_and_keep_no_collector_alive() {
    const ROUNDS: u64 = 2_000;
    let registry = Registry::new();
    let done = AtomicBool::new(false);
    let shared = Arc::new(());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    registry.encode(Format::Text);
                }
            });
        }
        for round in 0..ROUNDS {
            let gauge = Gauge::new(&format!("round_{round}"), "").expect("valid");
            let held = Arc::clone(&shared);
            gauge.set_function(move || Some(Arc::strong_count(&held) as f64));
            registry.register(&gauge).expect("a new name");
            assert!(registry.encode(Format::Text).contains(gauge.name()), "round {round}");
            registry.unregister(&gauge).expect("registered");
            assert!(registry.encode(Format::Text).is_empty(), "round {round}");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(Arc::strong_count(&shared), 1);
}

fn gauge_between(service: &str) -> Gauge {
    Gauge::new(&format!("between_{}", service.len()), "").expect("valid")
}

#[test]
fn a_suffix_alone_is_not_a_name() {
    let refused = |error: Error, name: &str| {
        assert!(matches!(error, Error::MetricName { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    };
    refused(Counter::new("_total", "").expect_err("not a name"), "\"_total\"");
    refused(Family::<Counter>::new("_total", "", ["k"]).expect_err("not a name"), "\"_total\"");
    refused(Info::new("_info", "").expect_err("not a name"), "\"_info\"");
    refused(MetricFamily::new(Kind::Counter, "_total", "").expect_err("not a name"), "\"_total\"");
    refused(MetricFamily::new(Kind::Info, "_info", "").expect_err("not a name"), "\"_info\"");
}

#[test]
fn gather_where_reads_only_the_wanted_collectors() {
    let registry = Registry::new();
    registry.register(&counter("hits", "")).expect("the first");
    let read = Arc::new(AtomicBool::new(false));
    let ratio = Gauge::new("hits_ratio", "").expect("a valid name");
    let seen = Arc::clone(&read);
    ratio.set_function(move || {
        seen.store(true, Ordering::Relaxed);
        Some(0.5)
    });
    registry.register(&ratio).expect("a new name");
    let wanted = |desc: &Desc| desc.reserved().any(|name| name == "hits_total");
    assert_eq!(encode::text(&registry.gather_where(wanted)).lines().last(), Some("hits_total 0"));
    assert!(!read.load(Ordering::Relaxed));
    assert_eq!(registry.gather().len(), 2);
    assert!(read.load(Ordering::Relaxed));
}

#[test]
fn open_metrics_exposes_units() {
    let registry = Registry::new();
    let taken = Counter::with_opts(Opts::new("taken_seconds", "T").unit("seconds")).expect("valid");
    let sizes = Family::<Gauge>::with_opts(Opts::new("size_bytes", "S").unit("bytes"), ["of"])
        .expect("valid");
    let plain = Gauge::with_opts(Opts::new("plain", "P").unit("")).expect("no unit");
    registry.register(&taken).expect("the first");
    registry.register(&sizes).expect("a new name");
    registry.register(&plain).expect("a new name");
    assert_eq!(
        encode::open_metrics(&registry.gather()),
        "# HELP taken_seconds T\n# TYPE taken_seconds counter\n# UNIT taken_seconds seconds\n\
         taken_seconds_total 0\n# HELP size_bytes S\n# TYPE size_bytes gauge\n\
         # UNIT size_bytes bytes\n# HELP plain P\n# TYPE plain gauge\nplain 0\n# EOF\n"
    );
    assert!(!encode::text(&registry.gather()).contains("UNIT"));
    assert!(Counter::with_opts(Opts::new("taken", "T").unit("seconds")).is_err());
}
