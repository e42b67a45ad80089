//! The same metrics give the same bytes in every language: here, `tests/c/golden.c` and
//! `tests/python/test_golden.py` against `tests/golden`.

use dataclay_metrics_core::{Counter, Family, Gauge, Labels, Registry, encode};

#[test]
fn both_formats() {
    let registry = Registry::new();
    let plain = Counter::new("plain", "Back\\slash\nand \"quotes\"").expect("valid");
    plain.inc_by(9_007_199_254_740_993);
    let fractions = Counter::new("fractions_total", "").expect("valid");
    fractions.inc_by_f64(0.1).expect("valid");
    let requests = Family::<Counter>::new("requests", "Served", ["method", "code"]).expect("valid");
    requests.with_labels(["get", "200"]).expect("valid").inc();
    requests.with_labels(["post", ""]).expect("valid").inc_by(2);
    let labels = Labels::new([("path", "C:\\ \"x\"\n"), ("name", "é")]).expect("valid");
    let level = Gauge::with_const_labels("level", "hé", labels).expect("valid");
    level.set(-0.5);
    let huge = Gauge::new("huge", "Infinite").expect("valid");
    huge.set(f64::INFINITY);
    registry.register(&plain).expect("new");
    registry.register(&fractions).expect("new");
    registry.register(&requests).expect("new");
    registry.register(&level).expect("new");
    registry.register(&huge).expect("new");
    let families = registry.gather();
    assert_eq!(encode::text(&families), include_str!("../golden/text.txt"));
    assert_eq!(encode::open_metrics(&families), include_str!("../golden/openmetrics.txt"));
}
