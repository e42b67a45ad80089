//! The scrape endpoint.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use dataclay_metrics_core::exposition::{HttpExporter, PORT_RANGE};
use dataclay_metrics_core::{Counter, Error, Registry};
use dataclay_metrics_tests::fixtures::{registry_with_hits, serve};
use dataclay_metrics_tests::{exchange, get};

#[test]
fn a_scrape_includes_every_earlier_count() {
    let (registry, hits) = registry_with_hits(1);
    let (exporter, address) = serve(registry);
    for expected in 1..=100 {
        assert!(get(&address, "/metrics").ends_with(&format!("\nhits_total {expected}\n")));
        hits.inc();
    }
    assert!(exporter.stop());
    assert!(TcpStream::connect(&address).is_err(), "the port is still open after the stop");
}

#[test]
fn the_error_for_a_taken_port_names_the_address() {
    let (registry, _) = registry_with_hits(0);
    let first = HttpExporter::start(registry.clone(), "127.0.0.1", 0).expect("a free port");
    let port = first.local_addr().port();
    let error = HttpExporter::start(registry, "127.0.0.1", port).expect_err("taken");
    assert!(matches!(error, Error::Listen { os_error: Some(_), .. }));
    assert!(error.to_string().starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")));
}

#[test]
fn the_next_free_port_replaces_a_taken_port() {
    let (registry, _) = registry_with_hits(0);
    let first = HttpExporter::start(registry.clone(), "127.0.0.1", 0).expect("a free port");
    let port = first.local_addr().port();
    let next =
        HttpExporter::start_in_range(registry.clone(), "127.0.0.1", port).expect("a free port");
    let above = next.local_addr().port() - port;
    assert!((1..PORT_RANGE).contains(&above), "{above}");
    // There is no higher port. If this fails, another program has already taken the port.
    let last = TcpListener::bind("127.0.0.1:65535");
    let error = HttpExporter::start_in_range(registry, "127.0.0.1", 65535).expect_err("taken");
    drop(last);
    let expected = "cannot listen on 127.0.0.1:65535: no port from 65535 to 65535 is free";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_ipv6_address_is_served() {
    let (registry, _) = registry_with_hits(6);
    let exporter = HttpExporter::start(registry, "::1", 0).expect("a free port");
    assert!(get(&exporter.local_addr().to_string(), "/metrics").ends_with("hits_total 6\n"));
}

#[test]
fn silent_connections_delay_no_scrape() {
    let (registry, _) = registry_with_hits(5);
    let (exporter, address) = serve(registry);
    let silent: Vec<TcpStream> =
        (0..500).map(|_| TcpStream::connect(&address).expect("accepted")).collect();
    for _ in 0..20 {
        assert!(get(&address, "/metrics").ends_with("hits_total 5\n"));
    }
    assert!(exporter.stop(), "the thread has not ended in time");
    drop(silent);
}

#[test]
fn a_request_that_is_sent_in_pieces_is_served() {
    let (registry, _) = registry_with_hits(9);
    let (_exporter, address) = serve(registry);
    let mut stream = TcpStream::connect(address).expect("a connection");
    for byte in b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" {
        stream.write_all(&[*byte]).expect("sent");
    }
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response");
    assert!(response.ends_with("hits_total 9\n"));
}

#[test]
fn garbage_is_refused_and_the_next_scrape_is_served() {
    let (registry, _) = registry_with_hits(3);
    let (_exporter, address) = serve(registry);
    assert!(exchange(&address, "\u{0}\u{1}garbage\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(get(&address, "/metrics").ends_with("hits_total 3\n"));
}

#[test]
fn a_large_exposition_arrives_whole() {
    let registry = Registry::new();
    for i in 0..10_000 {
        let counter = Counter::new(&format!("a_rather_long_name_{i}"), "Help").expect("valid");
        registry.register(&counter).expect("a new name");
    }
    let (_exporter, address) = serve(registry);
    let body = get(&address, "/metrics");
    assert_eq!(body.lines().count(), 30_000);
}
