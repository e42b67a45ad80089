//! Silent, slow, stopped and hostile peers of a scrape endpoint.
#![cfg(target_os = "linux")]

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{catch_unwind, resume_unwind};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dataclay_metrics_core::exposition::HttpExporter;
use dataclay_metrics_core::{Counter, Family, Registry};
use dataclay_metrics_tests::fixtures::{registry_with_hits, serve};
use dataclay_metrics_tests::measure::{alone, library_threads, open_descriptors, resident_bytes};
use dataclay_metrics_tests::{exchange, get, wait_for};

/// Starts an endpoint with a counter at 5.
fn serve_small() -> (HttpExporter, String) {
    serve(registry_with_hits(5).0)
}

/// Starts an endpoint whose exposition has 6 MB.
fn serve_large() -> (HttpExporter, String) {
    let (registry, _) = registry_with_hits(5);
    let help = "Help ".repeat(4_000);
    for number in 0..300 {
        let counter = Counter::new(&format!("long_{number}"), &help).expect("valid");
        registry.register(&counter).expect("a new name");
    }
    serve(registry)
}

/// Returns how long a scrape takes.
fn scrape_time(address: &str) -> Duration {
    let begin = Instant::now();
    assert!(get(address, "/metrics?name[]=hits_total").ends_with("hits_total 5\n"));
    begin.elapsed()
}

/// Asserts that the median scrape takes less than half a second.
///
/// A busy machine may need longer. Then it takes at most ten times as long as a scrape of `quiet`,
/// an endpoint without hostile peers. A scrape that waits for the deadlines of hostile peers would
/// take seconds. `benches/python/attacked.py` measures the milliseconds.
fn assert_serves(address: &str, quiet: &str) {
    let (mut attacked, mut at_quiet): (Vec<Duration>, Vec<Duration>) =
        (0..50).map(|_| (scrape_time(address), scrape_time(quiet))).unzip();
    attacked.sort();
    at_quiet.sort();
    let bound = Duration::from_millis(500).max(at_quiet[25] * 10);
    assert!(attacked[25] < bound, "{:?}, {:?} at a quiet endpoint", attacked[25], at_quiet[25]);
}

/// Asserts the same while `attack` runs without a pause.
fn assert_serves_under(address: &str, quiet: &str, attack: impl Fn() + Sync) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                attack();
            }
        });
        // A panic continues after the attack has ended. Otherwise the scope waits for the attack.
        let served = catch_unwind(|| assert_serves(address, quiet));
        over.store(true, Ordering::Relaxed);
        served.unwrap_or_else(|panic| resume_unwind(panic));
    });
}

#[test]
fn silent_and_slow_connections_are_limited_and_time_out() {
    let _alone = alone();
    let (_exporter, address) = serve_small();
    let (_quiet, quiet) = serve_small();
    let (descriptors, threads) = (open_descriptors(), library_threads());
    let begin = Instant::now();
    // A connection has two descriptors, because both ends are in this process. The endpoint keeps
    // 256 connections.
    let peers: Vec<TcpStream> =
        (0..500).map(|_| TcpStream::connect(&address).expect("accepted")).collect();
    assert_serves_under(&address, &quiet, || {
        // An error means that the endpoint has closed this connection, to make room for others.
        for mut peer in &peers {
            let _ = peer.write_all(b"G");
        }
        thread::sleep(Duration::from_millis(5));
    });
    wait_for("the end of the oldest connections", || open_descriptors() <= descriptors + 500 + 256);
    // No connection has a thread. The thread of the attack may still be ending.
    wait_for("the end of all threads", || library_threads() <= threads);
    // The last peers continue to send, and the endpoint still closes them after ten seconds.
    wait_for("the end of all connections", || {
        for peer in peers.iter().rev().take(20) {
            // An error means that the connection is closed.
            let _ = (&*peer).write_all(b"G");
        }
        thread::sleep(Duration::from_millis(50));
        open_descriptors() <= descriptors + 500
    });
    assert!(begin.elapsed() > Duration::from_secs(9), "closed before the deadline");
    drop(peers);
    wait_for("the end of all descriptors", || open_descriptors() <= descriptors);
    assert_serves(&address, &quiet);
}

#[test]
fn stopped_peers_delay_no_scrape_and_are_disconnected() {
    let _alone = alone();
    let (_exporter, address) = serve_large();
    let (_quiet, quiet) = serve_small();
    let (host, port) = address.split_once(':').expect("host:port");
    let script = format!(
        "exec 3<>/dev/tcp/{host}/{port}; printf 'GET /metrics HTTP/1.1\\r\\n\\r\\n' >&3; \
         echo sent; kill -STOP $$"
    );
    let descriptors = open_descriptors();
    let mut peers: Vec<_> = (0..10)
        .map(|_| {
            let mut bash = Command::new("bash");
            bash.args(["-c", &script]).stdout(Stdio::piped()).spawn().expect("bash")
        })
        .collect();
    for peer in &mut peers {
        let mut sent = [0; 5];
        peer.stdout.as_mut().expect("piped").read_exact(&mut sent).expect("connected");
    }
    assert_serves(&address, &quiet);
    // The pipes of the peers are descriptors of this process.
    wait_for("the deadline of the stopped peers", || open_descriptors() <= descriptors + 10);
    assert_serves(&address, &quiet);
    for mut peer in peers {
        peer.kill().expect("stopped, not ended");
        peer.wait().expect("ended");
    }
}

#[test]
fn peers_that_send_without_end_delay_no_scrape() {
    let _alone = alone();
    let (exporter, address) = serve_small();
    let (_quiet, quiet) = serve_small();
    let over = AtomicBool::new(false);
    let connections = AtomicU64::new(0);
    let flood = |request: &[u8]| {
        while !over.load(Ordering::Relaxed) {
            let Ok(mut peer) = TcpStream::connect(&address) else { continue };
            connections.fetch_add(1, Ordering::Relaxed);
            peer.set_write_timeout(Some(Duration::from_millis(100))).expect("a timeout");
            let mut sent = peer.write_all(request).is_ok();
            // An error means that the endpoint has closed the connection.
            while sent && !over.load(Ordering::Relaxed) {
                sent = match peer.write_all(&[b'x'; 16384]) {
                    Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
                    Ok(()) => true,
                };
            }
        }
    };
    let requests: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nX: ",
        b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ];
    thread::scope(|scope| {
        for request in requests.iter().cycle().take(16) {
            scope.spawn(|| flood(request));
        }
        let served = catch_unwind(|| {
            wait_for("the floods", || connections.load(Ordering::Relaxed) >= 16);
            assert_serves(&address, &quiet);
        });
        // The endpoint's thread checks between two reads whether it must stop.
        let stopped = exporter.stop();
        over.store(true, Ordering::Relaxed);
        served.unwrap_or_else(|panic| resume_unwind(panic));
        assert!(stopped, "the thread has not ended in time");
    });
}

#[test]
fn slow_readers_share_expositions() {
    let _alone = alone();
    let (_exporter, address) = serve_large();
    let size = get(&address, "/metrics").len();
    assert!(size > 5_000_000, "{size}");
    let before = resident_bytes();
    let peers: Vec<TcpStream> = (0..80)
        .map(|_| {
            let mut peer = TcpStream::connect(&address).expect("accepted");
            peer.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").expect("sent");
            // The pause lets the endpoint respond to some peers separately, so that not all share a
            // body.
            thread::sleep(Duration::from_millis(2));
            peer
        })
        .collect();
    let page = get(&address, "/metrics");
    assert_eq!(page.len(), size);
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 32 * size, "{} expositions", grown / size);
    drop(peers);
    assert_eq!(get(&address, "/metrics").len(), size);
}

/// Checks that the endpoint, which keeps the lines of a family, does not change numbers of a
/// response that it is sending.
#[test]
fn a_slow_reader_receives_the_numbers_of_its_scrape() {
    const SERIES: usize = 2_000;
    let _alone = alone();
    let registry = Registry::new();
    let family = Family::<Counter>::new("requests", "Requests served", ["path"]).expect("valid");
    registry.register(&family).expect("the first");
    let long = "x".repeat(3_000);
    let child = |i| family.with_labels([format!("{i}{long}")]).expect("room");
    let children: Vec<Counter> = (0..SERIES).map(child).collect();
    let (_exporter, address) = serve(registry);
    let numbers = |response: &str| -> HashSet<String> {
        let samples = response.lines().filter(|line| line.starts_with("requests_total{"));
        let numbers: Vec<&str> = samples.filter_map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(numbers.len(), SERIES);
        numbers.into_iter().map(str::to_owned).collect()
    };
    let mut slow = Vec::new();
    for scrape in 1..4 {
        children.iter().for_each(Counter::inc);
        let mut peer = TcpStream::connect(&address).expect("accepted");
        peer.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").expect("sent");
        let mut start = [0; 1_000];
        peer.read_exact(&mut start).expect("the start of a response");
        slow.push((peer, start, scrape));
    }
    for child in &children {
        child.inc_by(1_000);
    }
    assert_eq!(numbers(&get(&address, "/metrics")), HashSet::from(["1003".to_owned()]));
    for (mut peer, start, scrape) in slow {
        let mut response = String::from_utf8(start.to_vec()).expect("text");
        peer.read_to_string(&mut response).expect("the rest of the response");
        assert_eq!(numbers(&response), HashSet::from([scrape.to_string()]));
    }
}

#[test]
fn garbage_resets_and_bodies_delay_no_scrape() {
    let _alone = alone();
    let (_exporter, address) = serve_small();
    let (_quiet, quiet) = serve_small();
    let rounds = AtomicU64::new(0);
    let attack = || {
        let round = rounds.fetch_add(1, Ordering::Relaxed);
        let mut peer = TcpStream::connect(&address).expect("accepted");
        let mut random = 0x9E37_79B9_7F4A_7C15_u64 ^ round;
        let mut bytes: Vec<u8> = (0..round % 300 * 40)
            .map(|_| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random.to_le_bytes()[0]
            })
            .collect();
        if round % 3 == 0 {
            bytes.splice(0..0, *b"GET /metrics HTTP/1.1\r\nX: ");
        }
        // An error means that the endpoint refused the request before all of it was sent.
        let _ = peer.write_all(&bytes);
        if round % 2 == 0 {
            let _ = peer.shutdown(Shutdown::Write);
            let _ = peer.read_to_end(&mut Vec::new());
        }
        // Dropping the other connections resets them, because they have unread bytes.
    };
    assert_serves_under(&address, &quiet, attack);
    while rounds.load(Ordering::Relaxed) < 300 {
        attack();
    }
    for request in [
        "GET /metrics HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nbody",
        "GET /metrics HTTP/1.1\r\nContent-Length: four\r\n\r\nbody",
        "GET /metrics HTTP/9.9\r\n\r\n",
    ] {
        assert!(exchange(&address, request).starts_with("HTTP/1.1 400 "), "{request:?}");
    }
    assert_serves(&address, &quiet);
}
