//! Processes of one identity share a group on the gateway, and a port. Each process is this test
//! program again, and runs the commands that it reads on stdin.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "fork and _exit exist as C functions only")]
#![allow(clippy::print_stdout, reason = "the other process reads the replies")]

mod process;
mod push;
mod serve;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use dataclay_metrics_core::exposition::Exporter;
use dataclay_metrics_core::{
    Counter, Gauge, Registry, Settings, health::Health, process::ProcessMetrics,
};
use dataclay_metrics_tests::{STOP_TIMEOUT, processes};

/// Prints the reply to a command. The harness prints other lines.
fn reply(text: &str) {
    println!("<<<{text}");
}

/// Runs a process that another test starts, in its role. It tests nothing itself.
#[test]
fn entry_point_of_child_processes() {
    if processes::role().is_none() {
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
    reply("started");
    for line in std::io::stdin().lines() {
        let line = line.expect("a line");
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("count", amount) => {
                let amount = amount.parse().expect("an amount");
                hits.inc_by(amount);
                level.set(amount as f64);
                reply("counted");
            }
            ("callback", value) => {
                depth.store(value.parse().expect("a value"), Ordering::SeqCst);
                let gauge = Gauge::new("depth", "Depth").expect("valid");
                // The first command registers it. Later ones only change the value.
                if registry.register(&gauge).is_ok() {
                    let depth = Arc::clone(&depth);
                    gauge.set_function(move || Some(depth.load(Ordering::SeqCst) as f64));
                }
                reply("set");
            }
            ("hang", _) => {
                let hanging = Gauge::new("hanging", "Hangs").expect("valid");
                hanging.set_function(|| {
                    loop {
                        thread::park();
                    }
                });
                registry.register(&hanging).expect("a new name");
                reply("set");
            }
            ("fork", amount) => {
                // SAFETY: the child has one thread, and ends by `_exit`.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    hits.inc_by(amount.parse().expect("an amount"));
                    exporter.stop(STOP_TIMEOUT).expect("stopped");
                    // SAFETY: takes a plain number.
                    unsafe { libc::_exit(0) };
                }
                // SAFETY: this process has just forked the child.
                unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
                reply("forked");
            }
            ("fork-and-sleep", _) => {
                // SAFETY: the child has one thread of this program, and is killed.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    thread::sleep(Duration::from_secs(60));
                    std::process::exit(1);
                }
                reply(&child.to_string());
            }
            ("url", _) => reply(&exporter.url().expect("a URL")),
            (other, _) => panic!("no command {other}"),
        }
    }
    exporter.stop(STOP_TIMEOUT).expect("stopped");
}
