//! Pushes, and the thread that makes them.

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use dataclay_metrics_core::exposition::PushExporter;
use dataclay_metrics_core::{Counter, Gauge, Registry};
use dataclay_metrics_tests::fixtures::{group, registry_with_hits};
use dataclay_metrics_tests::{Pushgateway, STOP_TIMEOUT, free_port, wait_for};

/// Makes a listener whose connections are never answered.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

/// Makes an address that drops packets. The system drops new connections to a listener whose queue
/// is full, and this queue has room for one.
#[allow(unsafe_code, reason = "std has no shorter queue than 128")]
fn black_hole() -> (TcpListener, TcpStream, String) {
    let (listener, address) = silent();
    // SAFETY: takes plain numbers, and the descriptor is open.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let first = TcpStream::connect(&address).expect("the queue has room for one");
    (listener, first, address)
}

#[test]
fn push_replaces_push_add_extends_and_delete_deletes_a_group() {
    let gateway = Pushgateway::start();
    let (registry, hits) = registry_with_hits(4);
    let group = group(&gateway.address, "a/b c");
    group.push(&registry).expect("pushed");
    assert_eq!(gateway.sample("hits_total{", "instance=\"a/b c\""), Some(4.0));

    let more = Registry::new();
    let misses = Counter::new("misses", "Misses").expect("valid");
    more.register(&misses).expect("the first");
    group.push_add(&more).expect("added");
    hits.inc();
    assert_eq!(gateway.sample("hits_total{", "a/b c"), Some(4.0));
    assert_eq!(gateway.sample("misses_total{", "a/b c"), Some(0.0));

    group.push(&registry).expect("pushed");
    assert_eq!(gateway.sample("hits_total{", "a/b c"), Some(5.0));
    assert_eq!(gateway.sample("misses_total{", "a/b c"), None);

    group.delete().expect("deleted");
    wait_for("the deletion", || gateway.sample("hits_total{", "a/b c").is_none());
}

#[test]
fn an_error_contains_the_response_of_the_gateway() {
    let gateway = Pushgateway::start();
    let (registry, _) = registry_with_hits(1);
    group(&gateway.address, "first").push(&registry).expect("pushed");
    let clash = Registry::new();
    let gauge = Gauge::new("hits_total", "").expect("valid");
    clash.register(&gauge).expect("the first");
    let error = group(&gateway.address, "second").push(&clash).expect_err("another type");
    assert!(error.to_string().contains("400 Bad Request: "), "{error}");
    assert!(error.to_string().contains("hits_total"), "{error}");
}

#[test]
fn an_exporter_pushes_at_start_after_each_interval_and_at_stop() {
    let gateway = Pushgateway::start();
    let (registry, hits) = registry_with_hits(1);
    let group = group(&gateway.address, "thread");
    let interval = Duration::from_millis(200);
    let exporter = PushExporter::start(registry, group, interval).expect("started");
    wait_for("the first push", || gateway.sample("hits_total{", "thread") == Some(1.0));
    hits.inc();
    wait_for("the second push", || gateway.sample("hits_total{", "thread") == Some(2.0));
    hits.inc_by(40);
    exporter.stop(STOP_TIMEOUT).expect("the last push");
    assert_eq!(gateway.sample("hits_total{", "thread"), Some(42.0));
}

#[test]
fn a_gateway_that_starts_late_receives_every_count() {
    let port = free_port();
    let (registry, hits) = registry_with_hits(7);
    let group = group(&format!("127.0.0.1:{port}"), "late");
    let interval = Duration::from_millis(50);
    let exporter = PushExporter::start(registry, group, interval).expect("started");
    let gateway = Pushgateway::start_on(port);
    hits.inc();
    wait_for("a push", || gateway.sample("hits_total{", "late") == Some(8.0));
    exporter.stop(STOP_TIMEOUT).expect("the last push");
}

#[test]
fn a_stop_ends_at_its_timeout_whatever_the_gateway_does() {
    let (_listener, silent) = silent();
    let (_full, _first, hole) = black_hole();
    let nobody = format!("127.0.0.1:{}", free_port());
    for address in [silent, hole, nobody, "no-such-host.invalid:9091".to_owned()] {
        let (registry, _) = registry_with_hits(1);
        let exporter = PushExporter::start(registry, group(&address, "x"), Duration::from_secs(10));
        let exporter = exporter.expect("started");
        let started = Instant::now();
        exporter.stop(Duration::from_millis(500)).expect_err("no push succeeded");
        assert!(started.elapsed() < Duration::from_secs(8), "{address}");
    }
}

#[test]
fn a_push_ends_at_its_timeout_whatever_the_gateway_does() {
    let (_listener, silent) = silent();
    let (_full, _first, hole) = black_hole();
    for address in [silent, hole] {
        let started = Instant::now();
        let group = group(&address, "x").timeout(Duration::from_millis(300));
        let error = group.push(&registry_with_hits(1).0).expect_err("no response").to_string();
        assert!(error.contains(&address) && error.contains("timeout"), "{error}");
        assert!(
            started.elapsed() > Duration::from_millis(290),
            "refused before the timeout: {error}"
        );
        assert!(started.elapsed() < Duration::from_secs(5), "{address}");
    }
}

#[test]
fn the_longest_duration_causes_no_panic() {
    let gateway = Pushgateway::start();
    let (registry, _) = registry_with_hits(2);
    group(&gateway.address, "x").timeout(Duration::MAX).push(&registry).expect("pushed");
    let pushing = PushExporter::start(registry, group(&gateway.address, "y"), Duration::MAX);
    let exporter = pushing.expect("started");
    wait_for("the first push", || gateway.sample("hits_total{", "\"y\"") == Some(2.0));
    exporter.stop(Duration::MAX).expect("the last push");
}
