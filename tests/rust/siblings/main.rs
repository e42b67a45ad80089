//! Processes of one identity share a group on the gateway, and a port. Each process is this test
//! program again, and follows what it reads on stdin.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "fork and _exit exist as C functions only")]
#![allow(clippy::print_stdout, reason = "a process of the tests answers on stdout")]

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

const LIMIT: Duration = Duration::from_secs(20);

/// Plays the role of a process that a test starts; it tests nothing itself.
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
