//! Processes of one identity share a group on the gateway, and a port. Each process is this test
//! program again, and follows what it reads on stdin.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "fork and _exit exist as C functions only")]
#![allow(clippy::print_stdout, reason = "a process of the tests answers on stdout")]

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dataclay_metrics_core::exposition::Exporter;
use dataclay_metrics_core::{
    Counter, Gauge, Registry, Settings, encode, health::Health, node::Node, process::ProcessMetrics,
};
use dataclay_metrics_tests::processes::{Directory, command, value};
use dataclay_metrics_tests::{Pushgateway, free_port, get, wait_for};

const LIMIT: Duration = Duration::from_secs(20);

/// Plays the role of a process that a test starts; it is no test itself.
#[test]
fn a_process_of_the_tests() {
    if std::env::var_os("SEGMENT_ROLE").is_none() {
        return;
    }
    let settings = Settings::from_env().expect("valid");
    let registry = Registry::new();
    let hits = Counter::new("hits", "Hits").expect("valid");
    let level = Gauge::new("level", "Level").expect("valid");
    registry.register(&hits).expect("the first");
    registry.register(&level).expect("a new name");
    registry.register(&Health).expect("a new name");
    registry.register(&ProcessMetrics::new()).expect("a new name");
    let exporter = Exporter::from_settings(registry.clone(), &settings).expect("started");
    let depth = Arc::new(AtomicU64::new(0));
    println!("<<<started");
    for line in std::io::stdin().lines() {
        match line.expect("a line").split_once(' ') {
            Some(("count", amount)) => {
                let amount = amount.parse().expect("an amount");
                hits.inc_by(amount);
                level.set(amount as f64);
                println!("<<<counted");
            }
            Some(("function", value)) => {
                depth.store(value.parse().expect("a value"), Ordering::SeqCst);
                let (of_now, function) = (Arc::clone(&depth), Gauge::new("depth", "Depth"));
                let function = function.expect("valid");
                // Only the first one is registered.
                if registry.register(&function).is_ok() {
                    function.set_function(move || Some(of_now.load(Ordering::SeqCst) as f64));
                }
                println!("<<<set");
            }
            Some(("hang", _)) => {
                let hanging = Gauge::new("hanging", "Hangs").expect("valid");
                hanging.set_function(|| {
                    loop {
                        thread::park();
                    }
                });
                registry.register(&hanging).expect("a new name");
                println!("<<<set");
            }
            Some(("fork", amount)) => {
                // SAFETY: the child has one thread, and ends by `_exit`.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    hits.inc_by(amount.parse().expect("an amount"));
                    exporter.stop(LIMIT).expect("stopped");
                    // SAFETY: takes a plain number.
                    unsafe { libc::_exit(0) };
                }
                // SAFETY: the child is this process's.
                unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
                println!("<<<forked");
            }
            Some(("hold", _)) => {
                // SAFETY: the child has one thread of this program, and is killed.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    thread::sleep(LIMIT);
                    std::process::exit(1);
                }
                println!("<<<{child}");
            }
            _ => println!("<<<{}", exporter.url().expect("a URL")),
        }
    }
    exporter.stop(LIMIT).expect("stopped");
}

/// A process of the identity `test`, `siblings`.
struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Process {
    fn start(directory: &Directory, variables: &[(&str, &str)]) -> Process {
        let mut child = command("any", directory)
            .env("DATACLAY_METRICS_DIR", &directory.0)
            .env("DATACLAY_METRICS_JOB", "test")
            .env("DATACLAY_METRICS_INSTANCE", "siblings")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .spawn()
            .expect("started");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let mut process = Process { stdin: child.stdin.take(), child, lines };
        assert_eq!(process.answer(), "started");
        process
    }

    fn answer(&mut self) -> String {
        let shown = self.lines.find_map(|line| {
            let line = line.expect("a line");
            line.split_once("<<<").map(|(_, shown)| shown.to_owned())
        });
        shown.expect("an answer")
    }

    fn ask(&mut self, what: &str) -> String {
        writeln!(self.stdin.as_mut().expect("open"), "{what}").expect("sent");
        self.answer()
    }

    fn count(&mut self, amount: u64) {
        assert_eq!(self.ask(&format!("count {amount}")), "counted");
    }

    /// Ends the process in order.
    fn end(mut self) {
        self.stdin = None;
        assert!(self.child.wait().expect("ended").success());
    }

    fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
    }
}

/// Sets what the function of the gauge `depth` returns.
fn set_depth(process: &mut Process, value: u64) {
    assert_eq!(process.ask(&format!("function {value}")), "set");
}

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

/// Starts a process that is scraped.
fn serving(directory: &Directory, port: u16, instance: &str) -> Process {
    Process::start(
        directory,
        &[
            ("DATACLAY_METRICS_HOST", "127.0.0.1"),
            ("DATACLAY_METRICS_PORT", &port.to_string()),
            ("DATACLAY_METRICS_INSTANCE", instance),
        ],
    )
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/metrics")
}

/// Returns a value at a port; `None` if nobody listens there.
fn scraped(port: u16, series: &str) -> Option<f64> {
    let address = format!("127.0.0.1:{port}");
    std::net::TcpStream::connect(&address).ok()?;
    std::panic::catch_unwind(|| value(&get(&address, "/metrics"), series)).ok()?
}

#[test]
fn siblings_serve_at_one_port() {
    let (directory, port) = (Directory::new("one-port"), free_port());
    let mut all: Vec<_> = (0..3).map(|_| serving(&directory, port, "one-port")).collect();
    for (amount, process) in (1..).zip(&mut all) {
        process.count(amount);
        assert_eq!(process.ask("url"), url(port));
    }
    assert_eq!(scraped(port, "hits_total"), Some(6.0));
    assert_eq!(scraped(port, "level"), Some(6.0));
    let mut other = serving(&directory, port, "another identity");
    other.count(50);
    let elsewhere = other.ask("url");
    assert_ne!(elsewhere, url(port));
    // The one that listens is the first one.
    all.remove(0).kill();
    wait_for("a sibling that takes over", || scraped(port, "hits_total") == Some(6.0));
    assert_eq!(scraped(port, "level"), Some(5.0));
    let urls: Vec<_> = all.iter_mut().map(|process| process.ask("url")).collect();
    assert_eq!(urls, [url(port), url(port)]);
    let both = all.pop().zip(all.pop()).expect("two");
    both.1.end();
    wait_for("the last one", || scraped(port, "hits_total") == Some(6.0));
    both.0.end();
    assert_eq!(scraped(port, "hits_total"), None);
    assert_eq!(other.ask("url"), elsewhere);
    other.end();
}

#[test]
fn a_sibling_serves_what_a_function_returns_now() {
    let (directory, port) = (Directory::new("function-served"), free_port());
    let mut serves = serving(&directory, port, "function-served");
    let mut waits = serving(&directory, port, "function-served");
    let is = |value: f64| wait_for("the value", || scraped(port, "depth") == Some(value));
    set_depth(&mut waits, 5);
    is(5.0);
    // If a function never returns, only its gauge is missing.
    assert_eq!(waits.ask("hang on"), "set");
    set_depth(&mut waits, 7);
    is(7.0);
    // The one that listens, read by a process that scrapes nobody.
    let node = Registry::new();
    node.register(&Node::new(&directory.0)).expect("the first");
    set_depth(&mut serves, 2);
    wait_for("the sum", || {
        let text = encode::text(&node.gather());
        let line = text.lines().find(|line| line.starts_with("depth{"));
        line.is_some_and(|line| line.ends_with(" 9"))
    });
    waits.end();
    is(2.0);
    serves.end();
}

#[test]
fn a_forked_child_takes_over_from_its_parent() {
    let (directory, port) = (Directory::new("heir"), free_port());
    let mut parent = serving(&directory, port, "heir");
    parent.count(3);
    let child: i32 = parent.ask("hold on").parse().expect("a process");
    assert_eq!(scraped(port, "hits_total"), Some(3.0));
    parent.kill();
    wait_for("the child", || scraped(port, "hits_total") == Some(3.0));
    // SAFETY: takes plain numbers. The process is the child that was forked above.
    unsafe { libc::kill(child, libc::SIGKILL) };
}

#[test]
fn a_sibling_takes_another_port_if_the_former_one_is_taken() {
    let (directory, port) = (Directory::new("moved"), free_port());
    let first = serving(&directory, port, "moved");
    let second = RefCell::new(serving(&directory, port, "moved"));
    second.borrow_mut().count(2);
    first.kill();
    // The sibling may be faster. Then its port is the same.
    let taken = std::net::TcpListener::bind(("127.0.0.1", port));
    wait_for("a port of its own", || {
        let url = second.borrow_mut().ask("url");
        let now = url.rsplit([':', '/']).nth(1).and_then(|port| port.parse().ok()).expect("a port");
        (now != port || taken.is_err()) && scraped(now, "hits_total") == Some(2.0)
    });
    second.into_inner().end();
}
