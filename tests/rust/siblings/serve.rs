//! Processes of one identity serve scrapes at one port.

use std::cell::RefCell;

use dataclay_metrics_core::{Registry, encode, node::Node};
use dataclay_metrics_tests::processes::{Directory, value};
use dataclay_metrics_tests::{free_port, get, wait_for};

use crate::process::{Process, set_depth};

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
