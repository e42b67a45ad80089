//! Counts that outlive their process. Each process is this test program again, with a variable that
//! selects what it does.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "fork, kill and _exit exist as C functions only")]
#![allow(clippy::print_stdout, reason = "a process of the tests shows what it exposes")]

use std::env;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dataclay_metrics_core::exposition::{Exporter, segment_instance};
use dataclay_metrics_core::segment::{self, Reader, Siblings};
use dataclay_metrics_core::{
    Buckets, Collector, Counter, Family, Gauge, GaugeMerge, Histogram, NativeBuckets, Opts,
    Registry, Settings, Summary, encode, health::Health,
};
use dataclay_metrics_tests::processes::{Directory, command, run, value};

/// Returns the reader of the only segment in a directory.
fn reader(directory: &Directory) -> Reader {
    let files = segment::list(&directory.0).expect("the directory");
    assert_eq!(files.len(), 1, "{files:?}");
    Reader::open(&files[0]).expect("a segment")
}

/// Returns the text of the only segment in a directory.
fn text_of(directory: &Directory) -> String {
    encode::text(&reader(directory).collect())
}

/// Returns a time in milliseconds of Unix time.
fn millis(time: SystemTime) -> f64 {
    (time.duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64() * 1e3).floor()
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
    let wait = waits.with_labels(["disk"]).expect("there");
    assert_eq!((wait.count(), wait.sum()), (4 * times, 6.0 * times as f64));
    assert_eq!((sizes.count(), sizes.sum()), (4 * times, 6.0 * times as f64));
    assert_eq!(hits.get(), 4 * times, "its own counts alone");
    assert_eq!(codes.with_labels(["0"]).expect("there").get(), 2 * times);
}

/// Plays the role of a process that a test starts; it tests nothing itself.
#[test]
fn a_process_of_the_tests() {
    let Ok(role) = env::var("SEGMENT_ROLE") else { return };
    let directory = env::var("SEGMENT_DIRECTORY").expect("set");
    if role == "settings" {
        return by_settings(&directory);
    }
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
            let sizes = Summary::new("sizes", "Sizes").expect("valid");
            registry.register(&sizes).expect("a new name");
            sizes.observe(2.0);
            assert_eq!((sizes.count(), sizes.sum()), (1, 2.0));
            let created = Gauge::new("created_millis", "Start of hits").expect("valid");
            registry.register(&created).expect("a new name");
            created.set(millis(hits.created().expect("a time")));
            show(&registry);
        }
        "other help" => {
            let hits = Counter::new("hits", "Other hits").expect("valid");
            registry.register(&hits).expect("the first");
            hits.inc_by(5);
            assert_eq!(hits.get(), 5);
            show(&registry);
        }
        "other labels" => {
            let hits = Family::<Counter>::new("hits", "Hits", ["at"]).expect("valid");
            registry.register(&hits).expect("the first");
            hits.with_labels(["disk"]).expect("room").inc_by(5);
            show(&registry);
        }
        "fork" => fork(),
        "gauges" => gauges(&registry),
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

/// Counts in the segment that settings name.
fn by_settings(directory: &str) {
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
    println!("<<<{}>>>", encode::text(&registry.gather()));
    exporter.stop(Duration::from_secs(5)).expect("stopped");
}

/// Counts in a process, its children and theirs, which end without any clean-up.
fn fork() {
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
        thread::sleep(Duration::from_secs(60));
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
    for round in 1..=3_u64 {
        let role = if round == 2 { "count and die" } else { "count" };
        run(role, &directory);
        let text = text_of(&directory);
        let rounds = round as f64;
        assert_eq!(value(&text, "hits_total"), Some(4_000.0 * rounds), "{text}");
        assert_eq!(value(&text, "codes_total{code=\"3\"}"), Some(2_000.0 * rounds));
        assert_eq!(value(&text, "seconds_total"), Some(2_000.0 * rounds));
        for (series, expected) in [
            ("waits_bucket{at=\"disk\",le=\"0.5\"}", 0.0),
            ("waits_bucket{at=\"disk\",le=\"2.0\"}", 4_000.0),
            ("waits_bucket{at=\"disk\",le=\"+Inf\"}", 4_000.0),
            ("waits_sum{at=\"disk\"}", 6_000.0),
            ("waits_count{at=\"disk\"}", 4_000.0),
            ("sizes_sum", 6_000.0),
            ("sizes_count", 4_000.0),
        ] {
            assert_eq!(value(&text, series), Some(expected * rounds), "{series} in {text}");
        }
        let families = reader(&directory).collect();
        let waits = families.iter().find(|family| family.name() == "waits").expect("there");
        let [(labels, native)] = &waits.samples.native_histograms()[..] else { panic!("one") };
        assert_eq!(labels.to_string(), "{at=\"disk\"}");
        let counted = 4_000 * round;
        assert_eq!((native.count, native.sum), (counted, 6_000.0 * rounds));
        // 1.5 is between 2^(4/8) and 2^(5/8).
        assert_eq!((native.schema, &native.positive), (3, &vec![(5, counted)]));
    }
    let reader = reader(&directory);
    assert_eq!((reader.job(), reader.instance(), reader.processes()), ("test", "a/b c", 0));
}

#[test]
fn many_processes_at_once() {
    let directory = Directory::new("many");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut last = 0.0;
            while !done.load(Ordering::Relaxed) {
                // The other processes do not open it while the first one creates it.
                let files = segment::list(&directory.0).unwrap_or_default();
                let opened = files.first().and_then(|file| Reader::open(file).ok());
                let text = opened.map_or_else(String::new, |there| encode::text(&there.collect()));
                let now = value(&text, "hits_total").unwrap_or(0.0);
                assert!(now >= last, "{now} after {last}");
                last = now;
            }
        });
        for _ in 0..5 {
            let all: Vec<_> = (0..4)
                .map(|_| command("count and die", &directory).spawn().expect("started"))
                .collect();
            for mut child in all {
                child.wait().expect("ended");
            }
        }
        done.store(true, Ordering::Relaxed);
        watch.join().expect("no sum fell");
    });
    let text = text_of(&directory);
    assert_eq!(value(&text, "hits_total"), Some(80_000.0), "{text}");
    assert_eq!(value(&text, "seconds_total"), Some(40_000.0));
}

#[test]
fn a_process_exposes_what_its_siblings_counted() {
    let directory = Directory::new("siblings");
    let before = millis(SystemTime::now());
    run("count", &directory);
    let after = millis(SystemTime::now());
    let text = run("expose", &directory);
    // The series began in the first process, for the second one and for readers.
    let created = value(&text, "created_millis").expect("a gauge");
    assert!((before - 1.0..after).contains(&created), "{before} {created} {after}");
    let families = reader(&directory).collect();
    let hits = families.iter().find(|family| family.name() == "hits_total").expect("counted");
    assert_eq!(hits.samples[0].created.map(millis), Some(created));
    assert_eq!(value(&text, "hits_total"), Some(4_001.0), "{text}");
    assert_eq!(value(&text, "codes_total{code=\"1\"}"), Some(2_000.0));
    assert_eq!(value(&text, "sizes_count"), Some(4_001.0));
    assert_eq!(value(&text, "waits_count{at=\"disk\"}"), Some(4_000.0));
    assert_eq!(text.matches("# TYPE hits_total").count(), 1);
}

#[test]
fn settings_name_the_segment() {
    let directory = Directory::new("settings");
    for count in 1..=2 {
        let text = run("settings", &directory);
        assert_eq!(value(&text, "hits_total"), Some(f64::from(count)), "{text}");
    }
    let reader = reader(&directory);
    assert!(reader.job() == "shop" && reader.instance().starts_with("till@"));
}

#[test]
fn another_definition_is_counted_apart() {
    let directory = Directory::new("definition");
    run("count", &directory);
    let text = run("other labels", &directory);
    assert_eq!(value(&text, "hits_total{at=\"disk\"}"), Some(5.0), "{text}");
    assert_eq!(value(&text, "dataclay_metrics_private_series_total"), Some(1.0));
    assert_eq!(value(&text_of(&directory), "hits_total"), Some(4_000.0));
}

#[test]
fn another_help_text_is_counted_together() {
    let directory = Directory::new("help");
    run("count", &directory);
    let text = run("other help", &directory);
    assert_eq!(value(&text, "hits_total"), Some(4_005.0), "{text}");
    assert_eq!(value(&text, "dataclay_metrics_private_series_total"), Some(0.0));
    assert!(text.contains("# HELP hits_total Other hits\n"), "{text}");
    assert_eq!(value(&text_of(&directory), "hits_total"), Some(4_005.0));
}

#[test]
fn a_process_that_never_counts_makes_no_file() {
    let directory = Directory::new("idle");
    run("idle", &directory);
    assert!(!directory.0.exists());
}

#[test]
fn children_of_a_fork_count_in_blocks_of_their_own() {
    let directory = Directory::new("fork");
    run("fork", &directory);
    let text = text_of(&directory);
    assert_eq!(value(&text, "hits_total"), Some(139.0));
    assert_eq!((value(&text, "sizes_count"), value(&text, "sizes_sum")), (Some(4.0), Some(16.0)));
}

#[test]
fn gauges_count_while_their_process_lives() {
    let directory = Directory::new("gauges");
    let text = run("gauges", &directory);
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
    assert!(!text_of(&directory).contains("g_sum"), "no process lives");
}

#[test]
fn a_process_that_has_counted_stays_private() {
    let hits = Counter::new("hits", "Hits").expect("valid");
    hits.inc();
    let refused = segment::attach("/dev/shm/never", "test", "x").expect_err("too late");
    assert!(refused.to_string().contains("before the first count"), "{refused}");
    assert!(segment::status().is_none());
    assert_eq!(hits.get(), 1);
}
