//! Processes of one identity push one group.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dataclay_metrics_tests::processes::Directory;
use dataclay_metrics_tests::{Pushgateway, wait_for};

use crate::process::Process;

/// Starts a process that pushes to a gateway, at an interval in seconds.
fn pushing(directory: &Directory, gateway: &Pushgateway, interval: &str) -> Process {
    pushing_to(directory, gateway.port(), interval, "keep")
}

fn pushing_to(directory: &Directory, port: u16, interval: &str, on_exit: &str) -> Process {
    let port = port.to_string();
    let variables = [
        ("DATACLAY_METRICS_EXPORTER", "pushgateway"),
        ("DATACLAY_METRICS_HOST", "127.0.0.1"),
        ("DATACLAY_METRICS_PORT", &port),
        ("DATACLAY_METRICS_PUSH_INTERVAL", interval),
        ("DATACLAY_METRICS_ON_EXIT", on_exit),
    ];
    Process::start(directory, &variables)
}

/// Counts the groups that the gateway holds.
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
    let wait_until = |name: &str, value: f64| {
        wait_for(name, || gateway.sample(name, "instance=\"siblings\"") == Some(value));
    };
    wait_until("hits_total{", 6.0);
    wait_until("level{", 6.0);
    assert!(!gateway.metrics().contains("process_threads{instance"), "it describes one process");
    let mut killed = all.remove(0);
    killed.count(10);
    killed.kill();
    wait_until("level{", 5.0);
    all.remove(0).end();
    wait_until("level{", 3.0);
    all.remove(0).end();
    assert_eq!(gateway.sample("level{", ""), None, "all processes have ended");
    wait_until("hits_total{", 16.0);
    let mut next = pushing(&directory, &gateway, "60");
    next.count(1);
    next.end();
    wait_until("hits_total{", 17.0);
    assert_eq!((groups(&gateway), gateway.sample("level{", "")), (1, None));
}

#[test]
fn a_sibling_pushes_the_current_value_of_a_callback() {
    let (directory, gateway) = (Directory::new("callback-pushed"), Pushgateway::start());
    let pushes = pushing(&directory, &gateway, "0.1");
    wait_for("a push", || groups(&gateway) == 1);
    // Its interval is longer, so the other process pushes for both.
    let mut silent = pushing(&directory, &gateway, "60");
    let wait_until_depth_is = |value: f64| {
        wait_for("the value", || gateway.sample("depth{", "") == Some(value));
    };
    silent.set_depth(5);
    wait_until_depth_is(5.0);
    // If a callback never returns, only its gauge is missing.
    silent.hang();
    silent.set_depth(7);
    wait_until_depth_is(7.0);
    // A normal end would wait for the callback.
    silent.kill();
    pushes.end();
}

#[test]
fn a_forked_child_is_a_sibling() {
    let (directory, gateway) = (Directory::new("forked"), Pushgateway::start());
    let mut parent = pushing(&directory, &gateway, "60");
    parent.count(1);
    assert_eq!(parent.send("fork 5"), "forked");
    assert_eq!(gateway.sample("hits_total{", "instance=\"siblings\""), Some(6.0));
    assert_eq!(
        gateway.sample("level{", ""),
        Some(1.0),
        "the gauge of the parent, which still runs"
    );
    parent.end();
    assert_eq!((groups(&gateway), gateway.sample("level{", "")), (1, None));
}

#[test]
fn siblings_push_once_per_interval() {
    let (directory, gateway) = (Directory::new("interval"), Pushgateway::start());
    let pushes = || {
        let name = "pushgateway_http_requests_total{";
        gateway.sample(name, "handler=\"push\"").unwrap_or(0.0)
    };
    let all: Vec<_> = (0..4).map(|_| pushing(&directory, &gateway, "0.4")).collect();
    wait_for("the first push", || pushes() > 0.0);
    let (since, first) = (Instant::now(), pushes());
    wait_for("further pushes", || pushes() >= first + 4.0);
    // Four processes that push separately would need about 0.4 s.
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

/// Reads an HTTP message whose body, if it has one, has a `Content-Length`.
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
fn a_late_push_of_a_killed_process_does_not_replace_the_last_push() {
    let (directory, gateway) = (Directory::new("late-push"), Pushgateway::start());
    let relay = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = relay.local_addr().expect("bound").port();
    let forward = |request: &[u8]| {
        let mut stream = TcpStream::connect(&gateway.address).expect("connected");
        stream.write_all(request).expect("sent");
        message(&stream)
    };
    let has_first = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // The relay forwards the first push after the second one.
            let (mut first, _) = relay.accept().expect("accepted");
            let late = message(&first);
            has_first.store(true, Ordering::SeqCst);
            let (mut second, _) = relay.accept().expect("accepted");
            let response = forward(&message(&second));
            // The process that waits for this response was killed, so it may not be sent.
            first.write_all(&forward(&late)).ok();
            second.write_all(&response).expect("sent");
            let (mut third, _) = relay.accept().expect("accepted");
            third.write_all(&forward(&message(&third))).expect("sent");
        });
        let mut killed = pushing_to(&directory, port, "60", "keep");
        wait_for("the push", || has_first.load(Ordering::SeqCst));
        killed.count(1);
        killed.kill();
        let mut next = pushing_to(&directory, port, "60", "keep");
        next.count(1);
        next.end();
        // Without a third push, this connection ends the relay, and the test fails below.
        TcpStream::connect(("127.0.0.1", port)).ok();
    });
    assert_eq!(gateway.sample("hits_total{", ""), Some(2.0));
}

#[test]
fn the_last_process_deletes_the_group() {
    let (directory, gateway) = (Directory::new("delete"), Pushgateway::start());
    let start = || pushing_to(&directory, gateway.port(), "10", "delete");
    let (mut first, mut second) = (start(), start());
    first.count(1);
    second.count(2);
    first.end();
    assert_eq!(gateway.sample("hits_total{", ""), Some(3.0));
    assert_eq!(gateway.sample("level{", ""), Some(2.0));
    second.end();
    wait_for("the deletion", || groups(&gateway) == 0);
}
