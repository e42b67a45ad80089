//! The system call `fork`, as any C library may call it, in a process that counts and exports.
#![cfg(unix)]
#![allow(unsafe_code, reason = "fork, waitpid and _exit exist as C functions only")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use dataclay_metrics_core::exposition::{HttpExporter, PushExporter};
use dataclay_metrics_core::{
    Call, Collector, Counter, Desc, Family, Gauge, Histogram, MetricFamily, Registry,
};
use dataclay_metrics_tests::fixtures::group;
use dataclay_metrics_tests::measure::alone;
use dataclay_metrics_tests::{Pushgateway, STOP_TIMEOUT, get, wait_for};

/// Forks a child that runs `child` and ends without any clean-up. Returns its process id.
fn fork(child: impl FnOnce() -> bool) -> i32 {
    // SAFETY: the process has other threads, so the child may only use code that is safe after a
    // fork. That is this library, and the allocator, which glibc keeps usable.
    match unsafe { libc::fork() } {
        0 => {
            // The alarm ends a child that hangs.
            // SAFETY: both take plain numbers; `_exit` does not return.
            unsafe {
                libc::alarm(20);
                libc::_exit(i32::from(!child()))
            }
        }
        pid => pid,
    }
}

/// Waits for the child and returns its status: 0 if it succeeded.
fn ended(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: `status` is a valid place for the status.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    status
}

fn registry(counter: &Counter) -> Registry {
    let registry = Registry::new();
    registry.register(counter).expect("the first");
    registry
}

#[test]
fn a_hundred_forked_children_count_from_zero_and_export() {
    let _alone = alone();
    let hits = Counter::new("hits", "Hits").expect("a valid name");
    let exporter = HttpExporter::start(registry(&hits), "127.0.0.1", 0).expect("a free port");
    let address = exporter.local_addr().to_string();
    let done = AtomicBool::new(false);
    // `std` holds an internal lock while a thread starts or ends. A fork at that time leaves it
    // locked in the child, which then cannot start a thread. Programs in Python or C have no such
    // lock.
    let starting = RwLock::new(());
    let statuses = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0_u64;
                    while !done.load(Ordering::Relaxed) {
                        hits.inc();
                        count += 1;
                        // A short thread claims a block, after this one has registered a metric.
                        if count % 10_000 == 0 {
                            let more = Counter::new("more", "").expect("valid");
                            registry(&more);
                            let _starting = starting.read().unwrap_or_else(PoisonError::into_inner);
                            thread::spawn(move || more.inc()).join().expect("counted");
                        }
                    }
                    count
                })
            })
            .collect();
        let scraper = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                get(&address, "/metrics");
            }
        });
        let child = || {
            let no_thread_starts = starting.write().unwrap_or_else(PoisonError::into_inner);
            let child = fork(|| {
                let from_zero = hits.get() == 0;
                hits.inc_by(3);
                hits.inc_by_f64(0.5).is_ok()
                    && from_zero
                    && get(&exporter.local_addr().to_string(), "/metrics")
                        .ends_with("hits_total 3.5\n")
            });
            drop(no_thread_starts);
            ended(child)
        };
        let statuses: Vec<i32> = (0..100).map(|_| child()).filter(|status| *status != 0).collect();
        done.store(true, Ordering::Relaxed);
        let counted: u64 = writers.into_iter().map(|writer| writer.join().expect("a count")).sum();
        scraper.join().expect("every scrape has a response");
        assert_eq!(hits.get(), counted);
        statuses
    });
    assert_eq!(statuses, [0; 0]);
}

#[test]
fn a_forked_child_pushes_another_group_and_keeps_no_port_open() {
    let _alone = alone();
    let gateway = Pushgateway::start();
    let hits = Counter::new("hits", "Hits").expect("a valid name");
    let group = group(&gateway.address, "edge");
    let interval = Duration::from_millis(100);
    let pusher = PushExporter::start(registry(&hits), group, interval).expect("started");
    let exporter = HttpExporter::start(registry(&hits), "127.0.0.1", 0).expect("a free port");
    let address = exporter.local_addr();
    hits.inc_by(5);
    let child = fork(|| {
        hits.inc_by(7);
        wait_for("the push of this child", || {
            gateway.sample("hits_total{", &format!("edge:{}", std::process::id())) == Some(7.0)
        });
        hits.inc();
        let stopped = pusher.stop(STOP_TIMEOUT).is_ok();
        thread::sleep(Duration::from_secs(15));
        stopped
    });
    let instance = format!("edge:{child}");
    wait_for("the push of the child", || gateway.sample("hits_total{", &instance) == Some(8.0));
    assert!(exporter.stop());
    // A child of another test may keep the port open for a moment. This child lives longer.
    let deadline = Instant::now() + Duration::from_secs(5);
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < deadline, "the child keeps the port open");
        thread::sleep(Duration::from_millis(10));
    }
    pusher.stop(STOP_TIMEOUT).expect("the last push");
    assert_eq!(gateway.sample("hits_total{", "instance=\"edge\""), Some(5.0));
    // SAFETY: takes plain numbers. The child exists until this process has waited for it.
    assert_eq!(unsafe { libc::kill(child, libc::SIGKILL) }, 0);
    assert_eq!(ended(child), libc::SIGKILL);
}

/// A collector that the endpoint reads on its thread, because it names no callback.
#[derive(Clone)]
struct ReadFlag {
    gauge: Gauge,
    is_read: Arc<AtomicBool>,
}

impl Collector for ReadFlag {
    fn describe(&self) -> Vec<Desc> {
        self.gauge.describe()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.is_read.store(true, Ordering::Relaxed);
        self.gauge.collect()
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(Vec::new())
    }

    fn id(&self) -> usize {
        Collector::id(&self.gauge)
    }
}

/// Forks a child while the endpoint's thread is busy, and checks that the child closes the
/// connections of its parent although it lives.
#[test]
fn a_forked_child_keeps_no_connection_open() {
    let _alone = alone();
    // Compressing this takes longer than a fork waits for the thread.
    let family = Family::<Counter>::new("paths", "", ["path"]).expect("valid");
    for number in 0..2000 {
        family.with_labels([format!("{number:04000}")]).expect("room").inc();
    }
    let registry = Registry::new();
    let gauge = Gauge::new("first", "").expect("valid");
    let flag = ReadFlag { gauge, is_read: Arc::default() };
    registry.register(&flag).expect("the first");
    registry.register(&family).expect("a new name");
    let exporter = HttpExporter::start(registry, "127.0.0.1", 0).expect("a free port");
    let connect = || TcpStream::connect(exporter.local_addr()).expect("connected");
    // This peer sends nothing. The endpoint accepts it before it reads the other request.
    let mut idle = connect();
    let mut busy = connect();
    let request = b"GET /metrics HTTP/1.1\r\nAccept-Encoding: gzip\r\n\r\n";
    busy.write_all(request).expect("sent");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !flag.is_read.load(Ordering::Relaxed) {
        assert!(Instant::now() < deadline, "the endpoint does not read the request");
        thread::yield_now();
    }
    let child = fork(|| {
        thread::sleep(Duration::from_secs(15));
        true
    });
    exporter.stop();
    idle.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
    let end = idle.read(&mut [0]);
    // SAFETY: takes plain numbers. The child exists until this process has waited for it.
    assert_eq!(unsafe { libc::kill(child, libc::SIGKILL) }, 0);
    assert_eq!(ended(child), libc::SIGKILL);
    assert_eq!(end.expect("the end of the connection"), 0);
}

#[test]
fn observations_of_a_forked_child_start_at_zero() {
    let _alone = alone();
    let times = Histogram::new("times", "").expect("a valid name");
    // The observations are in the block of this thread and in one that was handed on.
    thread::scope(|scope| scope.spawn(|| times.observe(3.0)).join()).expect("observed");
    times.observe(0.3);
    let child = fork(|| {
        let from_zero = (times.count(), times.sum()) == (0, 0.0);
        times.observe(0.5);
        thread::scope(|scope| scope.spawn(|| times.observe(0.25)).join()).expect("observed");
        from_zero && (times.count(), times.sum()) == (2, 0.75)
    });
    assert_eq!(ended(child), 0);
    assert_eq!((times.count(), times.sum()), (2, 3.3));
}

#[test]
fn a_child_forked_during_observations_starts_at_zero() {
    let _alone = alone();
    let times = Histogram::new("times", "").expect("a valid name");
    let done = AtomicBool::new(false);
    let ran = AtomicBool::new(false);
    let statuses = thread::scope(|scope| {
        let observe = || {
            while !done.load(Ordering::Relaxed) {
                times.observe(0.3);
                ran.store(true, Ordering::Relaxed);
            }
        };
        scope.spawn(observe);
        scope.spawn(observe);
        while !ran.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        let forked = || {
            ended(fork(|| {
                let from_zero = (times.count(), times.sum()) == (0, 0.0);
                (0..3).for_each(|_| times.observe(0.5));
                from_zero && (times.count(), times.sum()) == (3, 1.5)
            }))
        };
        let statuses = (0..50).map(|_| forked()).collect::<Vec<_>>();
        done.store(true, Ordering::Relaxed);
        statuses
    });
    assert_eq!(statuses, [0; 50]);
}
