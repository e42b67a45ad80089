//! The scrape endpoint and the push thread, over real sockets and a real Pushgateway.

use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use dataclay_metrics_core::exposition::{
    Exporter, Gateway, GroupingKey, HttpExporter, PORT_RANGE, PushExporter, default_instance,
};
use dataclay_metrics_core::{Counter, Error, Registry, Settings};
use dataclay_metrics_tests::{Pushgateway, exchange, get, wait_for};

/// Makes a registry with one counter, which stands at `count`.
fn counted(count: u64) -> (Registry, Counter) {
    let registry = Registry::new();
    let hits = Counter::new("hits", "Hits").expect("a valid name");
    registry.register(&hits).expect("the first");
    hits.inc_by(count);
    (registry, hits)
}

fn group(gateway: &str, instance: &str) -> Gateway {
    let key = GroupingKey::new("test").expect("a job").label("instance", instance);
    Gateway::new(gateway, &key.expect("a label")).expect("an address")
}

/// Makes a listener that accepts connections and never sends anything.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    (listener, address)
}

/// Makes an address that drops packets: the system drops new connections to a listener whose queue
/// (of one) is full.
#[allow(unsafe_code, reason = "std has no shorter queue than 128")]
fn black_hole() -> (TcpListener, TcpStream, String) {
    let (listener, address) = silent();
    // SAFETY: takes plain numbers, and the descriptor is open.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let first = TcpStream::connect(&address).expect("the queue has room for one");
    (listener, first, address)
}

#[test]
fn a_scrape_sees_every_count_before_it() {
    let (registry, hits) = counted(1);
    let exporter = HttpExporter::start(registry, "127.0.0.1", 0).expect("a free port");
    let address = exporter.local_addr().to_string();
    for expected in 1..=100 {
        assert!(get(&address, "/metrics").ends_with(&format!("\nhits_total {expected}\n")));
        hits.inc();
    }
    assert!(exporter.stop());
    assert!(TcpStream::connect(&address).is_err(), "still listening after stop");
}

#[test]
fn a_taken_port_is_an_error_that_names_the_address() {
    let (registry, _) = counted(0);
    let first = HttpExporter::start(registry.clone(), "127.0.0.1", 0).expect("a free port");
    let port = first.local_addr().port();
    let error = HttpExporter::start(registry, "127.0.0.1", port).expect_err("taken");
    assert!(matches!(error, Error::Listen { os_error: Some(_), .. }));
    assert!(error.to_string().starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")));
}

#[test]
fn a_taken_port_falls_back_to_the_next_of_the_range() {
    let (registry, _) = counted(0);
    let first = HttpExporter::start(registry.clone(), "127.0.0.1", 0).expect("a free port");
    let port = first.local_addr().port();
    let next =
        HttpExporter::start_in_range(registry.clone(), "127.0.0.1", port).expect("one of 100");
    let above = next.local_addr().port() - port;
    assert!((1..PORT_RANGE).contains(&above), "{above}");
    // There is no higher port. If another program uses this port, it is taken, too.
    let last = TcpListener::bind("127.0.0.1:65535");
    let error = HttpExporter::start_in_range(registry, "127.0.0.1", 65535).expect_err("taken");
    drop(last);
    let expected = "cannot listen on 127.0.0.1:65535: no port from 65535 to 65535 is free";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_ipv6_address_is_served() {
    let (registry, _) = counted(6);
    let exporter = HttpExporter::start(registry, "::1", 0).expect("a free port");
    assert!(get(&exporter.local_addr().to_string(), "/metrics").ends_with("hits_total 6\n"));
}

#[test]
fn silent_connections_do_not_stop_scrapes() {
    let (registry, _) = counted(5);
    let exporter = HttpExporter::start(registry, "127.0.0.1", 0).expect("a free port");
    let address = exporter.local_addr().to_string();
    let silent: Vec<TcpStream> =
        (0..500).map(|_| TcpStream::connect(&address).expect("accepted")).collect();
    for _ in 0..20 {
        assert!(get(&address, "/metrics").ends_with("hits_total 5\n"));
    }
    let started = Instant::now();
    assert!(exporter.stop());
    assert!(started.elapsed() < Duration::from_secs(2));
    drop(silent);
}

#[test]
fn a_request_in_pieces_is_one_request() {
    use std::io::{Read, Write};
    let (registry, _) = counted(9);
    let exporter = HttpExporter::start(registry, "127.0.0.1", 0).expect("a free port");
    let mut stream = TcpStream::connect(exporter.local_addr()).expect("a connection");
    for byte in b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" {
        stream.write_all(&[*byte]).expect("sent");
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.ends_with("hits_total 9\n"));
}

#[test]
fn garbage_is_refused_and_the_next_scrape_served() {
    let (registry, _) = counted(3);
    let exporter = HttpExporter::start(registry, "127.0.0.1", 0).expect("a free port");
    let address = exporter.local_addr().to_string();
    assert!(exchange(&address, "\u{0}\u{1}garbage\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(get(&address, "/metrics").ends_with("hits_total 3\n"));
}

#[test]
fn a_large_exposition_arrives_whole() {
    let registry = Registry::new();
    for i in 0..10_000 {
        let counter = Counter::new(&format!("a_rather_long_name_{i}"), "Help").expect("valid");
        registry.register(&counter).expect("another name");
    }
    let exporter = HttpExporter::start(registry, "127.0.0.1", 0).expect("a free port");
    let body = get(&exporter.local_addr().to_string(), "/metrics");
    assert_eq!(body.lines().count(), 30_000);
}

#[test]
fn push_replaces_push_add_adds_delete_deletes() {
    let gateway = Pushgateway::start();
    let (registry, hits) = counted(4);
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
fn an_error_holds_the_response_of_the_gateway() {
    let gateway = Pushgateway::start();
    let (registry, _) = counted(1);
    group(&gateway.address, "first").push(&registry).expect("pushed");
    let clash = Registry::new();
    let gauge = dataclay_metrics_core::Gauge::new("hits_total", "").expect("valid");
    clash.register(&gauge).expect("the first");
    let error = group(&gateway.address, "second").push(&clash).expect_err("another type");
    assert!(error.to_string().contains("400 Bad Request: "), "{error}");
    assert!(error.to_string().contains("hits_total"), "{error}");
}

#[test]
fn the_thread_pushes_at_once_every_interval_and_at_the_end() {
    let gateway = Pushgateway::start();
    let (registry, hits) = counted(1);
    let group = group(&gateway.address, "thread");
    let interval = Duration::from_millis(200);
    let exporter = PushExporter::start(registry, group, interval).expect("started");
    wait_for("the first push", || gateway.sample("hits_total{", "thread") == Some(1.0));
    hits.inc();
    wait_for("the second push", || gateway.sample("hits_total{", "thread") == Some(2.0));
    hits.inc_by(40);
    exporter.stop(Duration::from_secs(2)).expect("the last push");
    assert_eq!(gateway.sample("hits_total{", "thread"), Some(42.0));
}

#[test]
fn a_gateway_that_starts_late_receives_every_count() {
    let port = dataclay_metrics_tests::free_port();
    let (registry, hits) = counted(7);
    let group = group(&format!("127.0.0.1:{port}"), "late");
    let interval = Duration::from_millis(50);
    let exporter = PushExporter::start(registry, group, interval).expect("started");
    let gateway = Pushgateway::start_on(port);
    hits.inc();
    wait_for("a push", || gateway.sample("hits_total{", "late") == Some(8.0));
    exporter.stop(Duration::from_secs(2)).expect("the last push");
}

#[test]
fn stopping_is_bounded_whatever_the_gateway_does() {
    let (_listener, silent) = silent();
    let (_full, _first, hole) = black_hole();
    let nobody = format!("127.0.0.1:{}", dataclay_metrics_tests::free_port());
    for address in [silent, hole, nobody, "no-such-host.invalid:9091".to_owned()] {
        let (registry, _) = counted(1);
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
        let error = group.push(&counted(1).0).expect_err("nobody answers").to_string();
        assert!(error.contains(&address) && error.contains("timeout"), "{error}");
        assert!(started.elapsed() > Duration::from_millis(290), "refused at once: {error}");
        assert!(started.elapsed() < Duration::from_secs(5), "{address}");
    }
}

#[test]
fn the_longest_duration_is_no_panic() {
    let gateway = Pushgateway::start();
    let (registry, _) = counted(2);
    group(&gateway.address, "x").timeout(Duration::MAX).push(&registry).expect("pushed");
    let pushing = PushExporter::start(registry, group(&gateway.address, "y"), Duration::MAX);
    let exporter = pushing.expect("started");
    wait_for("the first push", || gateway.sample("hits_total{", "\"y\"") == Some(2.0));
    exporter.stop(Duration::MAX).expect("the last push");
}

/// Makes the settings of these variables.
fn settings(variables: &[(&str, &str)]) -> Settings {
    let lookup = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.into())
    };
    Settings::from_lookup(lookup).expect("valid settings")
}

#[test]
fn settings_start_a_scrape_endpoint_in_the_port_range() {
    let (registry, _) = counted(3);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port();
    let variables =
        [("DATACLAY_METRICS_HOST", "127.0.0.1"), ("DATACLAY_METRICS_PORT", &port.to_string())];
    let exporter = Exporter::from_settings(registry, &settings(&variables)).expect("started");
    let real = exporter.port().expect("a port");
    assert!((port + 1..port + PORT_RANGE).contains(&real), "{port}: {real}");
    assert_eq!(exporter.url(), Some(format!("http://127.0.0.1:{real}/metrics")));
    assert!(get(&format!("127.0.0.1:{real}"), "/metrics").ends_with("hits_total 3\n"));
    exporter.stop(Duration::ZERO).expect("stopped");
    assert!(TcpStream::connect(("127.0.0.1", real)).is_err(), "still listening after stop");
}

/// Makes settings that push to this gateway at the shortest interval.
fn settings_of(gateway: &Pushgateway, on_exit: &str) -> Settings {
    let (host, port) = gateway.address.split_once(':').expect("host:port");
    settings(&[
        ("DATACLAY_METRICS_EXPORTER", "pushgateway"),
        ("DATACLAY_METRICS_HOST", host),
        ("DATACLAY_METRICS_PORT", port),
        ("DATACLAY_METRICS_PUSH_INTERVAL", "0.1"),
        ("DATACLAY_METRICS_ON_EXIT", on_exit),
    ])
}

#[test]
fn settings_start_a_push_thread_with_the_default_instance() {
    let gateway = Pushgateway::start();
    let (registry, hits) = counted(3);
    let mut settings = settings_of(&gateway, "keep");
    settings.service = Some("backend".into());
    let exporter = Exporter::from_settings(registry, &settings).expect("started");
    let instance = default_instance();
    let path = format!("/metrics/job/dataclay/instance/{instance}/service/backend");
    assert_eq!(exporter.url(), Some(format!("http://{}{path}", gateway.address)));
    assert_eq!(exporter.port(), None);
    let instance = format!("instance=\"{instance}\"");
    wait_for("the first push", || gateway.sample("hits_total{", &instance) == Some(3.0));
    hits.inc();
    wait_for("the next push", || gateway.sample("hits_total{", &instance) == Some(4.0));
    hits.inc();
    exporter.stop(Duration::from_secs(2)).expect("the last push");
    assert_eq!(gateway.sample("hits_total{", &instance), Some(5.0));
}

#[test]
fn settings_may_delete_the_group_at_the_end() {
    let gateway = Pushgateway::start();
    let pushed = || gateway.sample("hits_total{", "job=\"dataclay\"");
    let ends: [fn(Exporter); 2] =
        [|exporter| exporter.stop(Duration::from_secs(2)).expect("deleted"), drop];
    for end in ends {
        let (registry, _) = counted(3);
        let exporter = Exporter::from_settings(registry, &settings_of(&gateway, "delete"));
        let exporter = exporter.expect("started");
        wait_for("the first push", || pushed() == Some(3.0));
        end(exporter);
        // The gateway answers 202, and deletes a moment later.
        wait_for("the deletion", || pushed().is_none());
    }
}

#[test]
fn settings_may_ask_for_no_exporter() {
    for variable in [("DATACLAY_METRICS", "false"), ("DATACLAY_METRICS_EXPORTER", "none")] {
        let (registry, _) = counted(0);
        let exporter = Exporter::from_settings(registry, &settings(&[variable])).expect("nothing");
        assert!(matches!(exporter, Exporter::None), "{exporter:?}");
        assert_eq!((exporter.url(), exporter.port()), (None, None));
        exporter.stop(Duration::ZERO).expect("nothing to stop");
    }
}
