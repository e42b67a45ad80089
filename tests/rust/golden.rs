//! The golden files: all languages must write these bytes for the same metrics.

use dataclay_metrics_core::{Counter, Family, Gauge, Registry, encode};

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
