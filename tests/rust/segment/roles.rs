//! The roles of the processes that the tests start.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use dataclay_metrics_core::exposition::{Exporter, segment_instance};
use dataclay_metrics_core::segment::{self, Siblings};
use dataclay_metrics_core::{
    Buckets, Counter, Family, Gauge, GaugeMerge, Histogram, NativeBuckets, Opts, Registry,
    Settings, Summary, encode, health::Health,
};
use dataclay_metrics_tests::processes::show;

use crate::millis;

/// Separates expositions in the output of a process.
pub(crate) const SEPARATOR: &str = "=====\n";

/// Runs this process in a role, with the segment in a directory.
pub(crate) fn run(role: &str, directory: &str) {
    if role == "settings" {
        return count_with_settings(directory);
    }
    segment::attach(directory, "test", "a/b c").expect("before the first count");
    let registry = Registry::new();
    registry.register(&Siblings).expect("the first");
    registry.register(&Health).expect("the first");
    let expose = || show(&encode::text(&registry.gather()));
    match role {
        "count" => count(1_000),
        "count and die" => {
            count(1_000);
            kill_this_process();
        }
        "idle" => {
            let hits = Counter::new("hits", "Hits").expect("valid");
            assert_eq!(hits.get(), 0);
        }
        "expose" => {
            let hits = Counter::new("hits", "Hits").expect("valid");
            registry.register(&hits).expect("the first");
            hits.inc();
            assert_eq!(hits.get(), 1);
            let sizes = Summary::new("sizes", "Sizes").expect("valid");
            registry.register(&sizes).expect("a new name");
            sizes.observe(2.0);
            assert_eq!((sizes.count(), sizes.sum()), (1, 2.0));
            let created = Gauge::new("created_millis", "Start of hits").expect("valid");
            registry.register(&created).expect("a new name");
            created.set(millis(hits.created().expect("a time")));
            expose();
        }
        "other help" => {
            let hits = Counter::new("hits", "Other hits").expect("valid");
            registry.register(&hits).expect("the first");
            hits.inc_by(5);
            assert_eq!(hits.get(), 5);
            expose();
        }
        "other labels" => {
            let hits = Family::<Counter>::new("hits", "Hits", ["at"]).expect("valid");
            registry.register(&hits).expect("the first");
            hits.with_labels(["disk"]).expect("room").inc_by(5);
            expose();
        }
        "fork" => count_in_forked_children(),
        "gauges" => set_gauges_in_forked_children(&registry),
        other => panic!("no role {other}"),
    }
}

fn kill_this_process() -> ! {
    // SAFETY: takes plain numbers.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    unreachable!("killed")
}

/// Counts in metrics of several types, in four threads.
fn count(times: u64) {
    let hits = Counter::new("hits", "Hits").expect("valid");
    let codes = Family::<Counter>::new("codes", "Codes", ["code"]).expect("valid");
    let seconds = Counter::new("seconds", "Seconds").expect("valid");
    let opts = Opts::new("waits", "Waits").buckets(Buckets::new([0.5, 2.0]).expect("valid"));
    let native = NativeBuckets::new(3, 1.0, 8.0).expect("valid");
    let waits = Family::<Histogram>::with_opts(opts.native_buckets(native), ["at"]).expect("valid");
    let sizes = Summary::new("sizes", "Sizes").expect("valid");
    thread::scope(|scope| {
        for code in 0..4 {
            let (hits, codes, seconds) = (hits.clone(), &codes, &seconds);
            let (waits, sizes) = (&waits, &sizes);
            scope.spawn(move || {
                let child = codes.with_labels([code.to_string()]).expect("room");
                let wait = waits.with_labels(["disk"]).expect("room");
                for _ in 0..times {
                    hits.inc();
                    child.inc_by(2);
                    seconds.inc_by_f64(0.5).expect("an amount");
                    wait.observe(1.5);
                    sizes.observe(f64::from(code));
                }
            });
        }
    });
    let wait = waits.with_labels(["disk"]).expect("it exists");
    assert_eq!((wait.count(), wait.sum()), (4 * times, 6.0 * times as f64));
    assert_eq!((sizes.count(), sizes.sum()), (4 * times, 6.0 * times as f64));
    assert_eq!(hits.get(), 4 * times, "a process reads only its own counts");
    assert_eq!(codes.with_labels(["0"]).expect("it exists").get(), 2 * times);
}

/// Forks a child that runs `child` and ends without any clean-up, and waits for it.
fn in_child(child: impl FnOnce()) {
    // SAFETY: the process has one thread that counts. `_exit` does not return.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        child();
        // SAFETY: as above.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: `status` is a valid place for the status.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0);
}

/// Counts in the segment that settings select.
fn count_with_settings(directory: &str) {
    let variable = |name: &str| match name {
        "DATACLAY_METRICS_DIR" => Some(directory.into()),
        "DATACLAY_METRICS_JOB" => Some("shop".into()),
        "DATACLAY_METRICS_HOST" => Some("127.0.0.1".into()),
        "DATACLAY_METRICS_PORT" => Some("0".into()),
        _ => None,
    };
    let mut settings = Settings::from_lookup(variable).expect("valid");
    settings.program = "till".into();
    let registry = Registry::new();
    let hits = Counter::new("hits", "Hits").expect("valid");
    registry.register(&hits).expect("the first");
    let exporter = Exporter::from_settings(registry.clone(), &settings).expect("started");
    hits.inc();
    let instance = segment_instance(&settings).expect("a segment");
    let id = segment::status().expect("a segment").id;
    assert!(
        instance.starts_with("till@") && instance.ends_with(&format!(":{id:08x}")),
        "{instance}"
    );
    settings.is_unique = true;
    assert!(instance.starts_with(&segment_instance(&settings).expect("a segment")));
    show(&encode::text(&registry.gather()));
    exporter.stop(Duration::from_secs(5)).expect("stopped");
}

/// Counts in this process, in forked children, and in children of those.
fn count_in_forked_children() {
    let hits = Counter::new("hits", "Hits").expect("valid");
    let sizes = Summary::new("sizes", "Sizes").expect("valid");
    sizes.observe(1.0);
    hits.inc_by(100);
    for _ in 0..3 {
        in_child(|| {
            assert_eq!(hits.get(), 0, "a child counts from zero");
            hits.inc();
            thread::scope(|scope| scope.spawn(|| hits.inc()).join().expect("counted"));
            assert_eq!(hits.get(), 2);
            in_child(|| {
                hits.inc_by(10);
                assert_eq!(hits.get(), 10);
                sizes.observe(5.0);
                assert_eq!((sizes.count(), sizes.sum()), (1, 5.0));
            });
            assert_eq!(hits.get(), 2);
        });
        hits.inc();
    }
    assert_eq!(hits.get(), 103);
}

/// Sets gauges of each merge mode in this process and in forked children. Exposes them three times:
/// before, during and after the life of a child.
fn set_gauges_in_forked_children(registry: &Registry) {
    let make = |name: &str, how| Gauge::with_opts(Opts::new(name, "G").merge(how)).expect("valid");
    let all = [
        make("g_sum", GaugeMerge::Sum),
        make("g_min", GaugeMerge::Min),
        make("g_max", GaugeMerge::Max),
        make("g_recent", GaugeMerge::MostRecent),
        make("g_each", GaugeMerge::Each),
    ];
    for gauge in &all {
        registry.register(gauge).expect("a new name");
        gauge.set(4.0);
        gauge.inc();
    }
    for gauge in &all {
        in_child(|| {
            assert_eq!(gauge.get(), Some(0.0), "a child starts at zero");
            gauge.set(100.0);
        });
        assert_eq!(gauge.get(), Some(5.0));
    }
    let exposed = || encode::text(&registry.gather());
    let alone = exposed();
    let (mut read, write) = UnixStream::pair().expect("sockets");
    // SAFETY: as in `in_child`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        for gauge in &all {
            gauge.set(7.0);
        }
        drop(write);
        thread::sleep(Duration::from_secs(60));
        // SAFETY: as in `in_child`.
        unsafe { libc::_exit(0) };
    }
    drop(write);
    let end = read.read(&mut [0]).expect("the child closes the socket after it sets the gauges");
    assert_eq!(end, 0);
    let with_child = exposed();
    // SAFETY: this process has just forked the child.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
    show(&[alone, with_child, exposed()].join(SEPARATOR));
}
