//! Fuzzes the scrape endpoint: any bytes get a whole response or none, and cause no panic.
#![no_main]

use std::sync::LazyLock;

use dataclay_metrics_core::exposition::exchange;
use dataclay_metrics_core::{Family, Gauge, Registry};
use libfuzzer_sys::fuzz_target;

/// Metrics with two names, whose exposition is large enough to be compressed.
static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let registry = Registry::new();
    for name in ["level", "room"] {
        let family = Family::<Gauge>::new(name, "Help", ["at"]).expect("valid");
        for at in 0..400 {
            family.with_labels([at.to_string()]).expect("room").set(f64::from(at));
        }
        registry.register(&family).expect("another name");
    }
    registry
});

fuzz_target!(|request: &[u8]| {
    let Some(response) = exchange(request, &REGISTRY) else { return };
    let end =
        response.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of the head");
    let head = std::str::from_utf8(&response[..end]).expect("text");
    assert!(head.starts_with("HTTP/1.1 "), "{head}");
    let length = head.split("\r\nContent-Length: ").nth(1).and_then(|rest| rest.lines().next());
    let length: usize = length.expect("a length").parse().expect("a number");
    let body = response.len() - end - 4;
    // A request may follow empty lines.
    let is_head = request.trim_ascii_start().starts_with(b"HEAD");
    assert!(body == length || (body == 0 && is_head), "{head}");
});
