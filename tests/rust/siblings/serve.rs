//! Processes of one identity serve scrapes at one port.

use std::cell::RefCell;

use dataclay_metrics_core::{Registry, encode, node::Node};
use dataclay_metrics_tests::processes::{Directory, value};
use dataclay_metrics_tests::{free_port, get, wait_for};

use crate::process::Process;

/// Starts a process that serves scrapes.
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

/// Returns the value of a series at a port; `None` if nothing listens there, or if the process
/// ends during the scrape.
fn scraped(port: u16, series: &str) -> Option<f64> {
    let address = format!("127.0.0.1:{port}");
    std::net::TcpStream::connect(&address).ok()?;
    std::panic::catch_unwind(|| value(&get(&address, "/metrics"), series)).ok()?
}

#[test]
fn siblings_serve_scrapes_at_one_port() {
    let (directory, port) = (Directory::new("one-port"), free_port());
    let mut all: Vec<_> = (0..3).map(|_| serving(&directory, port, "one-port")).collect();
    for (amount, process) in (1..).zip(&mut all) {
        process.count(amount);
        assert_eq!(process.send("url"), url(port));
    }
    assert_eq!(scraped(port, "hits_total"), Some(6.0));
    assert_eq!(scraped(port, "level"), Some(6.0));
    let mut other = serving(&directory, port, "another identity");
    other.count(50);
    let elsewhere = other.send("url");
    assert_ne!(elsewhere, url(port));
    // The first process listens.
    all.remove(0).kill();
    wait_for("a sibling that listens", || scraped(port, "hits_total") == Some(6.0));
    assert_eq!(scraped(port, "level"), Some(5.0));
    let urls: Vec<_> = all.iter_mut().map(|process| process.send("url")).collect();
    assert_eq!(urls, [url(port), url(port)]);
    let both = all.pop().zip(all.pop()).expect("two");
    both.1.end();
    wait_for("the last process", || scraped(port, "hits_total") == Some(6.0));
    both.0.end();
    assert_eq!(scraped(port, "hits_total"), None);
    assert_eq!(other.send("url"), elsewhere);
    other.end();
}

#[test]
fn a_sibling_serves_the_current_value_of_a_callback() {
    let (directory, port) = (Directory::new("callback-served"), free_port());
    let mut serves = serving(&directory, port, "callback-served");
    let mut waits = serving(&directory, port, "callback-served");
    let wait_until_depth_is = |value: f64| {
        wait_for("the value", || scraped(port, "depth") == Some(value));
    };
    waits.set_depth(5);
    wait_until_depth_is(5.0);
    // If a callback never returns, only its gauge is missing.
    waits.hang();
    waits.set_depth(7);
    wait_until_depth_is(7.0);
    // A process that scrapes nobody reads the callback of the process that listens.
    let node = Registry::new();
    node.register(&Node::new(&directory.0)).expect("the first");
    serves.set_depth(2);
    wait_for("the sum", || {
        let text = encode::text(&node.gather());
        let line = text.lines().find(|line| line.starts_with("depth{"));
        line.is_some_and(|line| line.ends_with(" 9"))
    });
    waits.end();
    wait_until_depth_is(2.0);
    serves.end();
}

#[test]
fn a_forked_child_serves_after_its_parent_is_killed() {
    let (directory, port) = (Directory::new("fork-served"), free_port());
    let mut parent = serving(&directory, port, "fork-served");
    parent.count(3);
    let child: i32 = parent.send("fork-and-sleep").parse().expect("a process");
    assert_eq!(scraped(port, "hits_total"), Some(3.0));
    parent.kill();
    wait_for("the child", || scraped(port, "hits_total") == Some(3.0));
    // SAFETY: takes plain numbers. The process is the child that was forked above.
    unsafe { libc::kill(child, libc::SIGKILL) };
}

#[test]
fn a_sibling_uses_another_port_if_another_program_took_its_port() {
    let (directory, port) = (Directory::new("moved"), free_port());
    let first = serving(&directory, port, "moved");
    let second = RefCell::new(serving(&directory, port, "moved"));
    second.borrow_mut().count(2);
    first.kill();
    // If the sibling listens first, it keeps the port.
    let taken = std::net::TcpListener::bind(("127.0.0.1", port));
    wait_for("another port", || {
        let url = second.borrow_mut().send("url");
        let current =
            url.rsplit([':', '/']).nth(1).and_then(|port| port.parse().ok()).expect("a port");
        (current != port || taken.is_err()) && scraped(current, "hits_total") == Some(2.0)
    });
    second.into_inner().end();
}
