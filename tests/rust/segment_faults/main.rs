//! Causes each fault of segments that docs/node.md lists. Each time, counts are exact or private,
//! a health metric shows the fault, and expositions continue.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "fork, kill and close exist as C functions only")]

mod attached;
mod attaching;

use std::fs::{self, File};
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::Duration;

use dataclay_metrics_core::segment::{self, Reader, Siblings};
use dataclay_metrics_core::{Collector, Counter, Family, Gauge, Histogram, Registry};
use dataclay_metrics_core::{encode, health::Health, node::Node};
use dataclay_metrics_tests::processes::{self, Directory, run, show, value};

const FAILURES: &str = "dataclay_metrics_segment_failures_total";
const PRIVATE: &str = "dataclay_metrics_private_series_total";

/// Runs a process that another test starts, in its role. It tests nothing itself.
#[test]
fn entry_point_of_child_processes() {
    let Some((role, directory)) = processes::role() else { return };
    segment::attach(&directory, "test", "faults").expect("before the first count");
    let registry = Registry::new();
    registry.register(&Siblings).expect("the first");
    registry.register(&Health).expect("the first");
    let hits = Counter::new("hits", "Hits").expect("valid");
    registry.register(&hits).expect("the first");
    let expose = || show(&encode::text(&registry.gather()));
    match role.as_str() {
        "count" => {
            for _ in 0..10 {
                hits.inc();
            }
            thread::scope(|scope| scope.spawn(|| hits.inc_by(10)).join().expect("counted"));
            assert_eq!(hits.get(), 20);
            expose();
        }
        "fill" => {
            // Each child needs memory in the directory, and its word in every block.
            let many = Family::<Counter>::new("many", "Many", ["number"]).expect("valid");
            registry.register(&many).expect("a new name");
            for number in 0..3_000 {
                let child = many.with_labels([number.to_string()]).expect("room");
                thread::scope(|scope| scope.spawn(|| child.inc()).join().expect("counted"));
                child.inc();
                assert_eq!(child.get(), 2);
            }
            let text = encode::text(&registry.gather());
            let exact =
                text.lines().filter(|line| line.starts_with("many_") && line.ends_with(" 2"));
            assert_eq!(exact.count(), 3_000);
            expose();
        }
        "wait" => {
            let level = Gauge::new("level", "Level").expect("valid");
            level.set(3.0);
            hits.inc();
            // SAFETY: the child neither counts nor returns.
            let child = unsafe { libc::fork() };
            if child == 0 {
                thread::sleep(Duration::from_secs(60));
                // SAFETY: ends the child.
                unsafe { libc::_exit(0) };
            }
            show(&child.to_string());
            thread::sleep(Duration::from_secs(60));
        }
        "idle" => {
            Gauge::new("level", "Level").expect("valid");
            assert_eq!(hits.get(), 0);
            let maps = fs::read_to_string("/proc/self/maps").expect("the mappings");
            let open = fs::read_dir("/proc/self/fd").expect("the descriptors").flatten();
            let mut open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
            assert!(!maps.contains(&directory) && !open.any(|path| path.starts_with(&directory)));
            assert!(!fs::exists(&directory).expect("a result") && segment::status().is_none());
            let threads = || fs::read_dir("/proc/self/task").expect("the threads").count();
            let before = threads();
            hits.inc();
            assert_eq!(threads(), before, "the first count starts no thread");
            let maps = fs::read_to_string("/proc/self/maps").expect("the mappings");
            assert!(maps.contains(&directory) && segment::status().is_some());
        }
        "no free block" => count_without_free_blocks(&directory, &registry, &hits),
        "close" => close_descriptors(&directory, &hits),
        "unlink" => {
            hits.inc();
            fs::remove_file(segment::status().expect("a segment").path).expect("removed");
            hits.inc();
            registry.gather();
            assert!(!segment::status().expect("a segment").is_linked);
            expose();
        }
        "unlink alone" => {
            hits.inc();
            fs::remove_file(segment::status().expect("a segment").path).expect("removed");
            let (alone, health) = (Registry::new(), Registry::new());
            alone.register(&Siblings).expect("the first");
            health.register(&Health).expect("the first");
            alone.gather();
            show(&encode::text(&health.gather()));
        }
        "replace" => count_in_replaced_file(&directory, &registry, &hits),
        "remove" => {
            let codes = Family::<Counter>::new("codes", "Codes", ["code"]).expect("valid");
            registry.register(&codes).expect("a new name");
            codes.with_labels(["a"]).expect("room").inc_by(5);
            assert!(codes.remove(["a"]));
            assert!(
                !encode::text(&registry.gather()).contains("codes_total{"),
                "the child is hidden"
            );
            let again = codes.with_labels(["a"]).expect("room");
            assert_eq!(again.get(), 0);
            again.inc();
            assert_eq!(again.get(), 1);
            expose();
        }
        other => panic!("no role {other}"),
    }
}

/// Counts in a file that is moved, while another process creates a file at its path.
fn count_in_replaced_file(directory: &str, registry: &Registry, hits: &Counter) {
    hits.inc();
    let node = Node::new(directory);
    let served = || {
        let text = encode::text(&node.collect());
        let line = text.lines().find(|line| line.starts_with("hits_total{"));
        line.and_then(|line| line.rsplit_once(' ')).map(|(_, value)| value.to_owned())
    };
    assert_eq!(served().as_deref(), Some("1"));
    let path = segment::status().expect("a segment").path;
    fs::rename(path, format!("{directory}/moved")).expect("renamed");
    assert!(segment::status().expect("a segment").is_linked, "no file has its path yet");
    // The process that runs the tests removes the directory.
    let directory = ManuallyDrop::new(Directory(directory.into()));
    assert_eq!(value(&run("count", &directory), "hits_total"), Some(20.0));
    registry.gather();
    assert!(!segment::status().expect("a segment").is_linked);
    assert_eq!(served().as_deref(), Some("20"));
    show(&encode::text(&registry.gather()));
}

/// Counts while all blocks except the first are locked, as if other processes had claimed them.
fn count_without_free_blocks(directory: &str, registry: &Registry, hits: &Counter) {
    let times = Histogram::new("times_seconds", "Times").expect("valid");
    registry.register(&times).expect("a new name");
    hits.inc();
    times.observe(1.0);
    let file = segment::list(directory).expect("the directory").remove(0);
    let others = File::options().write(true).open(file).expect("opened");
    // SAFETY: a record of integers.
    let mut locks: libc::flock = unsafe { std::mem::zeroed() };
    locks.l_type = libc::c_short::try_from(libc::F_WRLCK).expect("a small number");
    // The bytes of all blocks except the first, as `layout.rs` defines them.
    (locks.l_start, locks.l_len) = ((1 << 60) + (1 << 20) + 1, 4095);
    // SAFETY: the descriptor is open, and the record outlives the call.
    let locked = unsafe { libc::fcntl(others.as_raw_fd(), libc::F_OFD_SETLK, &raw const locks) };
    assert_eq!(locked, 0, "{}", std::io::Error::last_os_error());
    let count = || {
        (0..10).for_each(|_| hits.inc());
        times.observe(1.0);
    };
    let count_in_thread = || thread::scope(|scope| scope.spawn(count).join().expect("counted"));
    count_in_thread();
    assert_eq!((hits.get(), times.count()), (11, 2), "the thread counts in private memory");
    assert_eq!(value(&encode::text(&registry.gather()), PRIVATE), Some(1.0));
    drop(others);
    show(&encode::text(&registry.gather()));
    count_in_thread();
    assert_eq!((hits.get(), times.count()), (21, 3));
}

/// Closes all descriptors of the segment, as a daemon does, and opens other files under their
/// numbers.
fn close_descriptors(directory: &str, hits: &Counter) {
    hits.inc();
    let own = segment::list(directory).expect("the directory").remove(0);
    let inode = own.metadata().expect("the file").ino();
    let mut closed = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").expect("the descriptors").flatten() {
        if entry.path().metadata().is_ok_and(|found| found.ino() == inode) {
            closed.push(entry.file_name().to_string_lossy().parse::<i32>().expect("a number"));
        }
    }
    assert!(!closed.is_empty());
    for descriptor in &closed {
        // SAFETY: the library must survive the loss of a descriptor; the test proves it.
        unsafe { libc::close(*descriptor) };
    }
    let path = format!("{directory}/another");
    let others: Vec<File> = (0..4).map(|_| File::create(&path).expect("created")).collect();
    assert!(
        others.iter().any(|file| closed.contains(&file.as_raw_fd())),
        "another file has one of the numbers"
    );
    // New blocks and a new series.
    let late = Counter::new("late", "Late").expect("valid");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                hits.inc();
                late.inc();
            });
        }
    });
    let reader = Reader::open(&own).expect("a segment");
    assert_eq!(reader.processes(), 1, "the process still holds its locks");
    let text = encode::text(&reader.collect());
    assert_eq!((value(&text, "hits_total"), value(&text, "late_total")), (Some(5.0), Some(4.0)));
    assert_eq!(fs::metadata(path).expect("there").len(), 0, "the other file is untouched");
}
