//! Processes of one identity push one group.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dataclay_metrics_tests::processes::Directory;
use dataclay_metrics_tests::{Pushgateway, wait_for};

use crate::process::{Process, set_depth};

/// Starts a process that pushes every so many seconds.
fn pushing(directory: &Directory, gateway: &Pushgateway, interval: &str) -> Process {
    let port = gateway.address.rsplit_once(':').expect("a port").1;
    pushing_to(directory, port.parse().expect("a port"), interval)
}

fn pushing_to(directory: &Directory, port: u16, interval: &str) -> Process {
    let port = port.to_string();
    let variables = [
        ("DATACLAY_METRICS_EXPORTER", "pushgateway"),
        ("DATACLAY_METRICS_HOST", "127.0.0.1"),
        ("DATACLAY_METRICS_PORT", &port),
        ("DATACLAY_METRICS_PUSH_INTERVAL", interval),
    ];
    Process::start(directory, &variables)
}

fn groups(gateway: &Pushgateway) -> usize {
    gateway.metrics().matches("\npush_time_seconds{").count()
}

#[test]
fn siblings_push_one_group_with_the_counts_of_all() {
    let (directory, gateway) = (Directory::new("one-group"), Pushgateway::start());
    let mut all: Vec<_> = (0..3).map(|_| pushing(&directory, &gateway, "0.1")).collect();
    for (amount, process) in (1..).zip(&mut all) {
        process.count(amount);
    }
    let is = |name: &str, value: f64| {
        wait_for(name, || gateway.sample(name, "instance=\"siblings\"") == Some(value));
    };
    is("hits_total{", 6.0);
    is("level{", 6.0);
    assert!(!gateway.metrics().contains("process_threads{instance"), "of many processes");
    let mut killed = all.remove(0);
    killed.count(10);
    killed.kill();
    is("level{", 5.0);
    all.remove(0).end();
    is("level{", 3.0);
    all.remove(0).end();
    assert_eq!(gateway.sample("level{", ""), None, "no process lives");
    is("hits_total{", 16.0);
    let mut next = pushing(&directory, &gateway, "60");
    next.count(1);
    next.end();
    is("hits_total{", 17.0);
    assert_eq!((groups(&gateway), gateway.sample("level{", "")), (1, None));
}

#[test]
fn a_sibling_pushes_what_a_function_returns_now() {
    let (directory, gateway) = (Directory::new("function-pushed"), Pushgateway::start());
    let pushes = pushing(&directory, &gateway, "0.1");
    wait_for("a push", || groups(&gateway) == 1);
    // It leaves its pushes to the other one.
    let mut silent = pushing(&directory, &gateway, "60");
    let is = |value: f64| {
        wait_for("the value", || gateway.sample("depth{", "") == Some(value));
    };
    set_depth(&mut silent, 5);
    is(5.0);
    // If a function never returns, only its gauge is missing.
    assert_eq!(silent.ask("hang on"), "set");
    set_depth(&mut silent, 7);
    is(7.0);
    // Its last push would wait for the function.
    silent.kill();
    pushes.end();
}

#[test]
fn a_forked_child_is_a_sibling() {
    let (directory, gateway) = (Directory::new("forked"), Pushgateway::start());
    let mut parent = pushing(&directory, &gateway, "60");
    parent.count(1);
    assert_eq!(parent.ask("fork 5"), "forked");
    assert_eq!(gateway.sample("hits_total{", "instance=\"siblings\""), Some(6.0));
    assert_eq!(gateway.sample("level{", ""), Some(1.0), "that of the parent, which lives");
    parent.end();
    assert_eq!((groups(&gateway), gateway.sample("level{", "")), (1, None));
}

#[test]
fn one_of_them_pushes_in_an_interval() {
    let (directory, gateway) = (Directory::new("interval"), Pushgateway::start());
    let pushes = || {
        let name = "pushgateway_http_requests_total{";
        gateway.sample(name, "handler=\"push\"").unwrap_or(0.0)
    };
    let all: Vec<_> = (0..4).map(|_| pushing(&directory, &gateway, "0.4")).collect();
    wait_for("the first push", || pushes() > 0.0);
    let (since, first) = (Instant::now(), pushes());
    wait_for("further pushes", || pushes() >= first + 4.0);
    // Four processes that push by themselves need some 0.4 s.
    assert!(since.elapsed() > Duration::from_millis(800), "{:?}", since.elapsed());
    all.into_iter().for_each(Process::end);
}

#[test]
fn no_older_sum_replaces_a_newer_one() {
    let (directory, gateway) = (Directory::new("order"), Pushgateway::start());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..4_u64)
            .map(|worker| {
                let (directory, gateway) = (&directory, &gateway);
                scope.spawn(move || {
                    for round in 0..6 {
                        let mut process = pushing(directory, gateway, "0.1");
                        process.count(1);
                        if (worker + round) % 3 == 0 { process.kill() } else { process.end() }
                    }
                })
            })
            .collect();
        let mut last = (0.0, 0.0);
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            let hits = gateway.sample("hits_total{", "").unwrap_or(0.0);
            let name = "dataclay_metrics_pushes_total{";
            let pushes = gateway.sample(name, "result=\"success\"").unwrap_or(0.0);
            assert!(hits >= last.0 && pushes >= last.1, "{hits}, {pushes} after {last:?}");
            last = (hits, pushes);
        }
    });
    pushing(&directory, &gateway, "60").end();
    assert_eq!((gateway.sample("hits_total{", ""), groups(&gateway)), (Some(24.0), 1));
}

/// Reads a message without a body of unknown length.
fn message(stream: &TcpStream) -> Vec<u8> {
    let (mut reader, mut all, mut length) = (BufReader::new(stream), Vec::new(), 0);
    loop {
        let start = all.len();
        reader.read_until(b'\n', &mut all).expect("a line");
        let line = String::from_utf8_lossy(&all[start..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let head = all.len();
    all.resize(head + length, 0);
    reader.read_exact(&mut all[head..]).expect("a body");
    all
}

#[test]
fn a_push_of_a_killed_process_does_not_replace_the_last_one() {
    let (directory, gateway) = (Directory::new("overtaken"), Pushgateway::start());
    let relay = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = relay.local_addr().expect("bound").port();
    let answer = |request: &[u8]| {
        let mut stream = TcpStream::connect(&gateway.address).expect("connected");
        stream.write_all(request).expect("sent");
        message(&stream)
    };
    let held = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // The first push reaches the gateway after the next one, as if the gateway were slow.
            let (mut first, _) = relay.accept().expect("accepted");
            let late = message(&first);
            held.store(true, Ordering::SeqCst);
            let (mut stream, _) = relay.accept().expect("accepted");
            let response = answer(&message(&stream));
            first.write_all(&answer(&late)).ok();
            stream.write_all(&response).expect("sent");
            let (mut stream, _) = relay.accept().expect("accepted");
            stream.write_all(&answer(&message(&stream))).expect("sent");
        });
        let mut killed = pushing_to(&directory, port, "60");
        wait_for("the push", || held.load(Ordering::SeqCst));
        killed.count(1);
        killed.kill();
        let mut next = pushing_to(&directory, port, "60");
        next.count(1);
        next.end();
        // Without a third push the relay ends here, and the test fails below.
        TcpStream::connect(("127.0.0.1", port)).ok();
    });
    assert_eq!(gateway.sample("hits_total{", ""), Some(2.0));
}

#[test]
fn the_last_process_deletes_the_group() {
    let (directory, gateway) = (Directory::new("delete"), Pushgateway::start());
    let port = gateway.address.rsplit_once(':').expect("a port").1.to_owned();
    let start = || {
        Process::start(
            &directory,
            &[
                ("DATACLAY_METRICS_EXPORTER", "pushgateway"),
                ("DATACLAY_METRICS_HOST", "127.0.0.1"),
                ("DATACLAY_METRICS_PORT", &port),
                ("DATACLAY_METRICS_ON_EXIT", "delete"),
            ],
        )
    };
    let (mut first, mut second) = (start(), start());
    first.count(1);
    second.count(2);
    first.end();
    assert_eq!(gateway.sample("hits_total{", ""), Some(3.0));
    assert_eq!(gateway.sample("level{", ""), Some(2.0));
    second.end();
    wait_for("the deletion", || groups(&gateway) == 0);
}
