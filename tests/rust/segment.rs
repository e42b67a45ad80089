//! Counts that outlive their process. Each process is this test program again, with a variable that
//! selects what it does.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "fork, kill and _exit exist as C functions only")]
#![allow(clippy::print_stdout, reason = "a process of the tests shows what it exposes")]

use std::env;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use dataclay_metrics_core::segment::{self, Reader, Siblings, Turn};
use dataclay_metrics_core::{
    Counter, Family, Gauge, GaugeMerge, Opts, Registry, encode, health::Health,
};

/// A directory in tmpfs, removed at the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Directory {
        let path = format!("/dev/shm/dataclay-metrics-test-{name}-{}", std::process::id());
        let _ = std::fs::remove_dir_all(&path);
        Directory(path.into())
    }

    fn reader(&self) -> Reader {
        let files = segment::list(&self.0).expect("the directory");
        assert_eq!(files.len(), 1, "{files:?}");
        Reader::open(&files[0]).expect("a segment")
    }

    /// Returns the text of the whole segment.
    fn text(&self) -> String {
        let registry = Registry::new();
        registry.register(&self.reader()).expect("the first");
        encode::text(&registry.gather())
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts this program again, as the process that does `role`.
fn start(role: &str, directory: &Path) -> Child {
    Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "a_process_of_the_tests", "--nocapture"])
        .env("SEGMENT_ROLE", role)
        .env("SEGMENT_DIRECTORY", directory)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started")
}

fn run(role: &str, directory: &Path) -> String {
    let output = start(role, directory).wait_with_output().expect("ended");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        output.status.success() || output.status.signal() == Some(libc::SIGKILL),
        "{role}: {}: {text}",
        output.status
    );
    // Between the lines of the test program.
    text.split_once("<<<")
        .and_then(|(_, text)| text.split_once(">>>"))
        .map_or(text.clone(), |(text, _)| text.into())
}

fn value(text: &str, series: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.split(' ').next() == Some(series))?;
    line.rsplit(' ').next()?.parse().ok()
}

fn die() -> ! {
    // SAFETY: takes plain numbers.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    unreachable!("killed")
}

/// Counts in four threads, plain and labelled, and fractions.
fn count(times: u64) {
    let hits = Counter::new("hits", "Hits").expect("valid");
    let codes = Family::<Counter>::new("codes", "Codes", ["code"]).expect("valid");
    let seconds = Counter::new("seconds", "Seconds").expect("valid");
    thread::scope(|scope| {
        for code in 0..4 {
            let (hits, codes, seconds) = (hits.clone(), &codes, &seconds);
            scope.spawn(move || {
                let child = codes.with_labels([code.to_string()]).expect("room");
                for _ in 0..times {
                    hits.inc();
                    child.inc_by(2);
                    seconds.inc_by_f64(0.5).expect("an amount");
                }
            });
        }
    });
    assert_eq!(hits.get(), 4 * times, "its own counts alone");
    assert_eq!(codes.with_labels(["0"]).expect("there").get(), 2 * times);
}

/// Not a test: what the processes of the tests do.
#[test]
fn a_process_of_the_tests() {
    let Ok(role) = env::var("SEGMENT_ROLE") else { return };
    let directory = env::var("SEGMENT_DIRECTORY").expect("set");
    segment::attach(&directory, "test", "a/b c").expect("before the first count");
    let registry = Registry::new();
    registry.register(&Siblings).expect("the first");
    registry.register(&Health).expect("the first");
    let show = |registry: &Registry| println!("<<<{}>>>", encode::text(&registry.gather()));
    match role.as_str() {
        "count" => count(1_000),
        "count and die" => {
            count(1_000);
            die();
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
            assert!(hits.created().is_some());
            show(&registry);
        }
        "other help" => {
            let hits = Counter::new("hits", "Other hits").expect("valid");
            registry.register(&hits).expect("the first");
            hits.inc_by(5);
            assert_eq!(hits.get(), 5);
            show(&registry);
        }
        "fork" => fork(),
        "gauges" => gauges(&registry),
        "late" => {
            // A count, and a registry, before the segment is asked for.
            panic!("see `a_process_that_has_counted_stays_private`");
        }
        other => panic!("no role {other}"),
    }
}

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

/// A process counts, and so do its children and theirs, which end without any clean-up.
fn fork() {
    let hits = Counter::new("hits", "Hits").expect("valid");
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
            });
            assert_eq!(hits.get(), 2);
        });
        hits.inc();
    }
    assert_eq!(hits.get(), 103);
}

fn gauges(registry: &Registry) {
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
    println!("<<<");
    println!("{}", encode::text(&registry.gather()));
    let (mut read, write) = UnixStream::pair().expect("sockets");
    // SAFETY: as in `in_child`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        for gauge in &all {
            gauge.set(7.0);
        }
        drop(write);
        thread::sleep(std::time::Duration::from_secs(60));
        // SAFETY: as in `in_child`.
        unsafe { libc::_exit(0) };
    }
    drop(write);
    // Until the child has closed its end.
    let _ = read.read(&mut [0]);
    println!("=== two\n{}", encode::text(&registry.gather()));
    // SAFETY: the child is this process's.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
    println!("=== one\n{}>>>", encode::text(&registry.gather()));
}

#[test]
fn counts_outlive_processes_that_are_killed() {
    let directory = Directory::new("killed");
    for round in 1..=3 {
        let role = if round == 2 { "count and die" } else { "count" };
        run(role, &directory.0);
        let text = directory.text();
        let rounds = f64::from(round);
        assert_eq!(value(&text, "hits_total"), Some(4_000.0 * rounds), "{text}");
        assert_eq!(value(&text, "codes_total{code=\"3\"}"), Some(2_000.0 * rounds));
        assert_eq!(value(&text, "seconds_total"), Some(2_000.0 * rounds));
    }
    let reader = directory.reader();
    assert_eq!((reader.job(), reader.instance(), reader.processes()), ("test", "a/b c", 0));
}

#[test]
fn many_processes_at_once() {
    let directory = Directory::new("many");
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut last = 0.0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let there = segment::list(&directory.0).is_ok_and(|files| !files.is_empty());
                let text = if there { directory.text() } else { String::new() };
                let now = value(&text, "hits_total").unwrap_or(0.0);
                assert!(now >= last, "{now} after {last}");
                last = now;
            }
        });
        for _ in 0..5 {
            let all: Vec<_> = (0..4).map(|_| start("count and die", &directory.0)).collect();
            for mut child in all {
                child.wait().expect("ended");
            }
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        watch.join().expect("no sum fell");
    });
    let text = directory.text();
    assert_eq!(value(&text, "hits_total"), Some(80_000.0), "{text}");
    assert_eq!(value(&text, "seconds_total"), Some(40_000.0));
}

#[test]
fn a_process_exposes_what_its_siblings_counted() {
    let directory = Directory::new("siblings");
    run("count", &directory.0);
    let text = run("expose", &directory.0);
    assert_eq!(value(&text, "hits_total"), Some(4_001.0), "{text}");
    assert_eq!(value(&text, "codes_total{code=\"1\"}"), Some(2_000.0));
    assert_eq!(text.matches("# TYPE hits_total").count(), 1);
}

#[test]
fn another_definition_is_counted_apart() {
    let directory = Directory::new("definition");
    run("count", &directory.0);
    let text = run("other help", &directory.0);
    assert_eq!(value(&text, "hits_total"), Some(5.0), "{text}");
    assert_eq!(value(&text, "dataclay_metrics_private_series_total"), Some(1.0));
    assert_eq!(value(&directory.text(), "hits_total"), Some(4_000.0));
}

#[test]
fn a_process_that_never_counts_makes_no_file() {
    let directory = Directory::new("idle");
    run("idle", &directory.0);
    assert!(!directory.0.exists());
}

#[test]
fn children_of_a_fork_count_in_blocks_of_their_own() {
    let directory = Directory::new("fork");
    run("fork", &directory.0);
    assert_eq!(value(&directory.text(), "hits_total"), Some(139.0));
}

#[test]
fn gauges_count_while_their_process_lives() {
    let directory = Directory::new("gauges");
    let text = run("gauges", &directory.0);
    let (alone, rest) = text.split_once("=== two").expect("two");
    let (two, after) = rest.split_once("=== one").expect("one");
    for text in [alone, after] {
        for series in ["g_sum", "g_min", "g_max", "g_recent"] {
            assert_eq!(value(text, series), Some(5.0), "{series} in {text}");
        }
        assert_eq!(text.matches("g_each{pid=").count(), 1, "{text}");
    }
    let expected = [("g_sum", 12.0), ("g_min", 5.0), ("g_max", 7.0), ("g_recent", 7.0)];
    for (series, expected) in expected {
        assert_eq!(value(two, series), Some(expected), "{series} in {two}");
    }
    assert_eq!(two.matches("g_each{pid=").count(), 2, "{two}");
    assert!(!directory.text().contains("g_sum"), "no process lives");
}

#[test]
fn a_process_that_has_counted_stays_private() {
    let hits = Counter::new("hits", "Hits").expect("valid");
    hits.inc();
    let refused = segment::attach("/dev/shm/never", "test", "x").expect_err("too late");
    assert!(refused.to_string().contains("before the first count"), "{refused}");
    assert!(segment::status().is_none() && Turn::Push.try_take().is_none());
    assert_eq!(hits.get(), 1);
}
