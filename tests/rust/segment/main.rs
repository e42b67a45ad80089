//! Counts that outlive their process. Each process is this test program again, in the role that a
//! test names.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "fork, kill and _exit exist as C functions only")]

mod roles;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use dataclay_metrics_core::{Collector, Counter, segment};
use dataclay_metrics_tests::processes::{self, Directory, command, run, value};

/// Returns a time in milliseconds of Unix time.
fn millis(time: SystemTime) -> f64 {
    (time.duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64() * 1e3).floor()
}

/// Runs a process that another test starts, in its role. It tests nothing itself.
#[test]
fn entry_point_of_child_processes() {
    if let Some((role, directory)) = processes::role() {
        roles::run(&role, &directory);
    }
}

#[test]
fn counts_outlive_killed_processes() {
    let directory = Directory::new("killed");
    for round in 1..=3_u64 {
        let role = if round == 2 { "count and die" } else { "count" };
        run(role, &directory);
        let text = directory.text();
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
        let families = directory.reader().collect();
        let waits = families.iter().find(|family| family.name() == "waits").expect("a family");
        let [(labels, native)] = &waits.samples.native_histograms()[..] else {
            panic!("one child")
        };
        assert_eq!(labels.to_string(), "{at=\"disk\"}");
        let counted = 4_000 * round;
        assert_eq!((native.count, native.sum), (counted, 6_000.0 * rounds));
        // 1.5 is between 2^(4/8) and 2^(5/8).
        assert_eq!((native.schema, &native.positive), (3, &vec![(5, counted)]));
    }
    let reader = directory.reader();
    assert_eq!((reader.job(), reader.instance(), reader.processes()), ("test", "a/b c", 0));
}

#[test]
fn processes_that_count_at_once_lose_no_count() {
    let directory = Directory::new("many");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut last = 0.0;
            while !done.load(Ordering::Relaxed) {
                let now = value(&directory.text_if_created(), "hits_total").unwrap_or(0.0);
                assert!(now >= last, "{now} after {last}");
                last = now;
            }
        });
        for _ in 0..5 {
            let all: Vec<_> = (0..4)
                .map(|_| command("count and die", &directory).spawn().expect("started"))
                .collect();
            for mut process in all {
                process.wait().expect("ended");
            }
        }
        done.store(true, Ordering::Relaxed);
        reader.join().expect("no sum decreased");
    });
    let text = directory.text();
    assert_eq!(value(&text, "hits_total"), Some(80_000.0), "{text}");
    assert_eq!(value(&text, "seconds_total"), Some(40_000.0));
}

#[test]
fn a_process_exposes_the_counts_of_its_siblings() {
    let directory = Directory::new("siblings");
    let before = millis(SystemTime::now());
    run("count", &directory);
    let after = millis(SystemTime::now());
    let text = run("expose", &directory);
    // The second process and readers see the start time of the first process.
    let created = value(&text, "created_millis").expect("a gauge");
    assert!((before - 1.0..after).contains(&created), "{before} {created} {after}");
    let families = directory.reader().collect();
    let hits = families.iter().find(|family| family.name() == "hits_total").expect("counted");
    assert_eq!(hits.samples[0].created.map(millis), Some(created));
    assert_eq!(value(&text, "hits_total"), Some(4_001.0), "{text}");
    assert_eq!(value(&text, "codes_total{code=\"1\"}"), Some(2_000.0));
    assert_eq!(value(&text, "sizes_count"), Some(4_001.0));
    assert_eq!(value(&text, "waits_count{at=\"disk\"}"), Some(4_000.0));
    assert_eq!(text.matches("# TYPE hits_total").count(), 1);
}

#[test]
fn settings_select_the_segment() {
    let directory = Directory::new("settings");
    for count in 1..=2 {
        let text = run("settings", &directory);
        assert_eq!(value(&text, "hits_total"), Some(f64::from(count)), "{text}");
    }
    let reader = directory.reader();
    assert!(reader.job() == "shop" && reader.instance().starts_with("till@"));
}

#[test]
fn a_metric_with_another_definition_counts_in_private_memory() {
    let directory = Directory::new("definition");
    run("count", &directory);
    let text = run("other labels", &directory);
    assert_eq!(value(&text, "hits_total{at=\"disk\"}"), Some(5.0), "{text}");
    assert_eq!(value(&text, "dataclay_metrics_private_series_total"), Some(1.0));
    assert_eq!(value(&directory.text(), "hits_total"), Some(4_000.0));
}

#[test]
fn metrics_that_differ_in_help_share_one_series() {
    let directory = Directory::new("help");
    run("count", &directory);
    let text = run("other help", &directory);
    assert_eq!(value(&text, "hits_total"), Some(4_005.0), "{text}");
    assert_eq!(value(&text, "dataclay_metrics_private_series_total"), Some(0.0));
    assert!(text.contains("# HELP hits_total Other hits\n"), "{text}");
    assert_eq!(value(&directory.text(), "hits_total"), Some(4_005.0));
}

#[test]
fn a_process_that_never_counts_creates_no_file() {
    let directory = Directory::new("idle");
    run("idle", &directory);
    assert!(!directory.0.exists());
}

#[test]
fn forked_children_count_in_separate_blocks() {
    let directory = Directory::new("fork");
    run("fork", &directory);
    let text = directory.text();
    assert_eq!(value(&text, "hits_total"), Some(139.0));
    assert_eq!((value(&text, "sizes_count"), value(&text, "sizes_sum")), (Some(4.0), Some(16.0)));
}

#[test]
fn gauges_are_merged_only_while_their_process_lives() {
    let directory = Directory::new("gauges");
    let text = run("gauges", &directory);
    let texts: Vec<&str> = text.split(roles::SEPARATOR).collect();
    let [alone, with_child, after] = texts[..] else { panic!("three expositions: {text}") };
    for text in [alone, after] {
        for series in ["g_sum", "g_min", "g_max", "g_recent"] {
            assert_eq!(value(text, series), Some(5.0), "{series} in {text}");
        }
        assert_eq!(text.matches("g_each{pid=").count(), 1, "{text}");
    }
    let expected = [("g_sum", 12.0), ("g_min", 5.0), ("g_max", 7.0), ("g_recent", 7.0)];
    for (series, expected) in expected {
        assert_eq!(value(with_child, series), Some(expected), "{series} in {with_child}");
    }
    assert_eq!(with_child.matches("g_each{pid=").count(), 2, "{with_child}");
    assert!(!directory.text().contains("g_sum"), "all processes have ended");
}

#[test]
fn a_process_that_has_counted_cannot_attach() {
    let hits = Counter::new("hits", "Hits").expect("valid");
    hits.inc();
    let refused = segment::attach("/dev/shm/never", "test", "x").expect_err("too late");
    assert!(refused.to_string().contains("before the first count"), "{refused}");
    assert!(segment::status().is_none());
    assert_eq!(hits.get(), 1);
}
