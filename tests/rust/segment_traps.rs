//! Causes each fault that segments can meet (docs/node.md). Each time, counts are exact or private,
//! a health metric shows the fault, and expositions continue.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "fork, kill and close exist as C functions only")]
#![allow(clippy::print_stdout, reason = "a process of the tests shows what it exposes")]

use std::env;
use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::Duration;

use dataclay_metrics_core::segment::{self, Reader, Siblings};
use dataclay_metrics_core::{Collector, Counter, Family, Gauge, Histogram, Registry};
use dataclay_metrics_core::{encode, health::Health, node::Node};
use dataclay_metrics_tests::processes::{Directory, PROCESS, command, run, shown, value};
use dataclay_metrics_tests::wait_for;

fn reader(directory: &Directory) -> Reader {
    let files = segment::list(&directory.0).expect("the directory");
    assert_eq!(files.len(), 1, "{files:?}");
    Reader::open(&files[0]).expect("a segment")
}

fn text(directory: &Directory) -> String {
    encode::text(&reader(directory).collect())
}

const FAILURES: &str = "dataclay_metrics_segment_failures_total";
const PRIVATE: &str = "dataclay_metrics_private_series_total";

/// Plays the role of a process that a test starts; it is no test itself.
#[test]
fn a_process_of_the_tests() {
    let Ok(role) = env::var("SEGMENT_ROLE") else { return };
    let directory = env::var("SEGMENT_DIRECTORY").expect("set");
    segment::attach(&directory, "test", "traps").expect("before the first count");
    let registry = Registry::new();
    registry.register(&Siblings).expect("the first");
    registry.register(&Health).expect("the first");
    let hits = Counter::new("hits", "Hits").expect("valid");
    registry.register(&hits).expect("the first");
    let show = || println!("<<<{}>>>", encode::text(&registry.gather()));
    match role.as_str() {
        "count" => {
            for _ in 0..10 {
                hits.inc();
            }
            thread::scope(|scope| scope.spawn(|| hits.inc_by(10)).join().expect("counted"));
            assert_eq!(hits.get(), 20);
            show();
        }
        "fill" => {
            // Each family takes room in the directory, and each word in every block.
            let many = Family::<Counter>::new("many", "Many", ["number"]).expect("valid");
            registry.register(&many).expect("a new name");
            for number in 0..3_000 {
                let child = many.with_labels([number.to_string()]).expect("room");
                thread::scope(|scope| scope.spawn(|| child.inc()).join().expect("counted"));
                child.inc();
                assert_eq!(child.get(), 2);
            }
            let text = encode::text(&registry.gather());
            let right =
                text.lines().filter(|line| line.starts_with("many_") && line.ends_with(" 2"));
            assert_eq!(right.count(), 3_000);
            show();
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
            println!("<<<{child}>>>");
            thread::sleep(Duration::from_secs(60));
        }
        "idle" => {
            Gauge::new("level", "Level").expect("valid");
            assert_eq!(hits.get(), 0);
            let maps = fs::read_to_string("/proc/self/maps").expect("own mappings");
            let open = fs::read_dir("/proc/self/fd").expect("own descriptors").flatten();
            let mut open = open.filter_map(|entry| fs::read_link(entry.path()).ok());
            assert!(!maps.contains(&directory) && !open.any(|path| path.starts_with(&directory)));
            assert!(!fs::exists(&directory).expect("asked") && segment::status().is_none());
            let threads = || fs::read_dir("/proc/self/task").expect("own threads").count();
            let before = threads();
            hits.inc();
            assert_eq!(threads(), before, "none at the first count either");
            let maps = fs::read_to_string("/proc/self/maps").expect("own mappings");
            assert!(maps.contains(&directory) && segment::status().is_some());
        }
        "crowd" => count_in_a_crowd(&directory, &registry, &hits),
        "close" => close_descriptors(&directory, &hits),
        "unlink" => {
            hits.inc();
            fs::remove_file(segment::status().expect("a segment").path).expect("removed");
            hits.inc();
            registry.gather();
            assert!(!segment::status().expect("a segment").is_linked);
            show();
        }
        "unlink alone" => {
            hits.inc();
            fs::remove_file(segment::status().expect("a segment").path).expect("removed");
            let (alone, health) = (Registry::new(), Registry::new());
            alone.register(&Siblings).expect("the first");
            health.register(&Health).expect("the first");
            alone.gather();
            println!("<<<{}>>>", encode::text(&health.gather()));
        }
        "replace" => count_while_replaced(&directory, &registry, &hits),
        "remove" => {
            let codes = Family::<Counter>::new("codes", "Codes", ["code"]).expect("valid");
            registry.register(&codes).expect("a new name");
            codes.with_labels(["a"]).expect("room").inc_by(5);
            assert!(codes.remove(["a"]));
            assert!(!encode::text(&registry.gather()).contains("codes_total{"), "hidden here");
            let again = codes.with_labels(["a"]).expect("room");
            assert_eq!(again.get(), 0);
            again.inc();
            assert_eq!(again.get(), 1);
            show();
        }
        other => panic!("no role {other}"),
    }
}

/// Counts in a file that is moved away, while another process makes its successor.
fn count_while_replaced(directory: &str, registry: &Registry, hits: &Counter) {
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
    assert!(segment::status().expect("a segment").is_linked, "nobody has its path yet");
    // The outer process removes it.
    let directory = ManuallyDrop::new(Directory(directory.into()));
    assert_eq!(value(&run("count", &directory), "hits_total"), Some(20.0));
    registry.gather();
    assert!(!segment::status().expect("a segment").is_linked);
    assert_eq!(served().as_deref(), Some("20"));
    println!("<<<{}>>>", encode::text(&registry.gather()));
}

/// Counts while all blocks are in use but the first, as if other processes had them.
fn count_in_a_crowd(directory: &str, registry: &Registry, hits: &Counter) {
    let times = Histogram::new("times_seconds", "Times").expect("valid");
    registry.register(&times).expect("a new name");
    hits.inc();
    times.observe(1.0);
    let file = segment::list(directory).expect("the directory").remove(0);
    let crowd = File::options().write(true).open(file).expect("opened");
    // SAFETY: a record of integers.
    let mut locks: libc::flock = unsafe { std::mem::zeroed() };
    locks.l_type = libc::c_short::try_from(libc::F_WRLCK).expect("a small number");
    // The bytes of all blocks but the first, as `layout.rs` has them.
    (locks.l_start, locks.l_len) = ((1 << 60) + (1 << 20) + 1, 4095);
    // SAFETY: the descriptor is open, and the record outlives the call.
    let locked = unsafe { libc::fcntl(crowd.as_raw_fd(), libc::F_OFD_SETLK, &raw const locks) };
    assert_eq!(locked, 0, "{}", std::io::Error::last_os_error());
    let count = || {
        (0..10).for_each(|_| hits.inc());
        times.observe(1.0);
    };
    let count_elsewhere = || thread::scope(|scope| scope.spawn(count).join().expect("counted"));
    count_elsewhere();
    assert_eq!((hits.get(), times.count()), (11, 2), "in private memory");
    assert_eq!(value(&encode::text(&registry.gather()), PRIVATE), Some(1.0));
    drop(crowd);
    println!("<<<{}>>>", encode::text(&registry.gather()));
    count_elsewhere();
    assert_eq!((hits.get(), times.count()), (21, 3));
}

/// Closes all descriptors, as a daemon does. Their numbers then belong to other files.
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
        // SAFETY: the test is about a descriptor that its owner loses.
        unsafe { libc::close(*descriptor) };
    }
    let path = format!("{directory}/another");
    let others: Vec<File> = (0..4).map(|_| File::create(&path).expect("created")).collect();
    assert!(others.iter().any(|file| closed.contains(&file.as_raw_fd())), "a number in use again");
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
    assert_eq!(reader.processes(), 1, "its locks are there");
    let text = encode::text(&reader.collect());
    assert_eq!((value(&text, "hits_total"), value(&text, "late_total")), (Some(5.0), Some(4.0)));
    assert_eq!(fs::metadata(path).expect("there").len(), 0, "the other file is untouched");
}

/// Counts in a process that cannot attach.
fn is_private(command: &mut Command) {
    let text = shown(command);
    assert_eq!(value(&text, "hits_total"), Some(20.0), "{text}");
    assert_eq!(value(&text, FAILURES), Some(1.0), "{text}");
}

#[test]
fn each_failing_step_of_attaching_leaves_private_counts() {
    let directory = Directory::new("steps");
    let made = || {
        let _ = fs::remove_dir_all(&directory.0);
        let _ = fs::remove_file(&directory.0);
        assert_eq!(value(&run("count", &directory), FAILURES), Some(0.0));
        segment::list(&directory.0).expect("the directory").remove(0)
    };
    let private = || is_private(&mut command("count", &directory));
    // The directory: a file, a link, open to others.
    fs::write(&directory.0, "").expect("written");
    private();
    made();
    fs::set_permissions(&directory.0, Permissions::from_mode(0o777)).expect("changed");
    private();
    let real = Directory::new("steps-real");
    fs::create_dir(&real.0).expect("created");
    fs::remove_dir_all(&directory.0).expect("removed");
    symlink(&real.0, &directory.0).expect("linked");
    private();
    fs::remove_file(&directory.0).expect("removed");
    // The file: a folder, a link, open to others, cut, not a segment, of another file.
    let file = made();
    fs::remove_file(&file).expect("removed");
    fs::create_dir(&file).expect("created");
    private();
    fs::remove_dir(&file).expect("removed");
    symlink("/dev/null", &file).expect("linked");
    private();
    let file = made();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("changed");
    private();
    let file = made();
    File::options().write(true).open(&file).and_then(|file| file.set_len(5000)).expect("cut");
    private();
    for (offset, bytes) in [(0, [7; 8]), (8, [7; 8]), (24, [7; 8]), (40, [7; 8]), (48, [7; 8])] {
        let file = made();
        let file = File::options().write(true).open(&file).expect("opened");
        file.write_all_at(&bytes, offset).expect("written");
        private();
    }
    // Another user, which only root can try.
    if fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0) {
        let file = made();
        chown(&file, Some(1234), None).expect("changed");
        private();
        made();
        chown(&directory.0, Some(1234), None).expect("changed");
        private();
    }
    // Limits of the process, and a file system that waits for a disk.
    let limited = |limit: &str, directory: &Directory| {
        let mut shell = Command::new("sh");
        let program = env::current_exe().expect("this program");
        shell.arg("-c").arg(format!("{limit}; exec \"$0\" --exact {PROCESS} --nocapture"));
        shell.arg(program).env("SEGMENT_ROLE", "count").env("SEGMENT_DIRECTORY", &directory.0);
        is_private(&mut shell);
    };
    let _ = fs::remove_dir_all(&directory.0);
    limited("ulimit -f 1000", &directory);
    made();
    limited("ulimit -v 4000000", &directory);
    let disk = Directory(env!("CARGO_TARGET_TMPDIR").to_owned().into());
    let disk = Directory(disk.0.join("dataclay-metrics-test-disk"));
    limited("true", &disk);
    assert_eq!(value(&run("count", &directory), FAILURES), Some(0.0), "whole again");
}

/// Runs a role in a tmpfs of a size, which is mounted for it alone. `None` if this system lets
/// nobody do so.
fn in_tmpfs(size: &str, role: &str) -> Option<String> {
    let mount = |script: &str| {
        let mut shell = Command::new("unshare");
        shell.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
        shell.arg(format!("mount -t tmpfs -o size={size} none /mnt && {script}"));
        shell
    };
    let can_mount = mount("true").status().is_ok_and(|status| status.success());
    if !can_mount {
        println!("skipped: this system lets no user mount a tmpfs");
        return None;
    }
    let mut shell = mount(&format!("exec \"$0\" --exact {PROCESS} --nocapture"));
    shell.arg(env::current_exe().expect("this program"));
    Some(shown(shell.env("SEGMENT_ROLE", role).env("SEGMENT_DIRECTORY", "/mnt/metrics")))
}

#[test]
fn a_full_tmpfs_leaves_private_counts() {
    for size in ["4k", "8k", "16k", "24k", "32k"] {
        let Some(text) = in_tmpfs(size, "count") else { return };
        assert_eq!(value(&text, "hits_total"), Some(20.0), "{size}: {text}");
        let told = [FAILURES, PRIVATE].map(|series| value(&text, series).expect("there"));
        assert!(told.iter().sum::<f64>() <= 1.0, "{size}: {text}");
        assert!(size != "8k" || told[0] > 0.0, "{text}");
    }
    for size in ["128k", "256k"] {
        let Some(text) = in_tmpfs(size, "fill") else { return };
        assert_eq!(value(&text, FAILURES), Some(0.0), "{size}");
        assert!(value(&text, PRIVATE) > Some(0.0), "{size}");
    }
}

#[test]
fn a_child_keeps_no_lock_of_its_parent() {
    let directory = Directory::new("parent");
    let mut parent = command("wait", &directory).spawn().expect("started");
    let lines = BufReader::new(parent.stdout.take().expect("its output")).lines();
    let child = lines
        .map_while(Result::ok)
        .find_map(|line| line.split_once("<<<")?.1.split_once(">>>")?.0.parse::<i32>().ok());
    let child = child.expect("the child's number");
    let before = text(&directory);
    assert_eq!((value(&before, "hits_total"), value(&before, "level")), (Some(1.0), Some(3.0)));
    assert_eq!(reader(&directory).processes(), 1);
    parent.kill().expect("killed");
    parent.wait().expect("ended");
    // A child that has just started may not have closed the descriptor yet.
    wait_for("the end of the gauge", || value(&text(&directory), "level").is_none());
    assert_eq!(value(&text(&directory), "hits_total"), Some(1.0));
    assert_eq!(reader(&directory).processes(), 0);
    // SAFETY: the child of the process that this test has started.
    unsafe { libc::kill(child, libc::SIGKILL) };
}

#[test]
fn a_stopped_process_keeps_its_counts() {
    let directory = Directory::new("stopped");
    let mut stopped = command("wait", &directory).process_group(0).spawn().expect("started");
    let group = i32::try_from(stopped.id()).expect("a pid");
    wait_for("a count", || {
        let files = segment::list(&directory.0).unwrap_or_default();
        let opened = files.first().and_then(|file| Reader::open(file).ok());
        opened.is_some_and(|reader| {
            let text = encode::text(&reader.collect());
            value(&text, "hits_total") == Some(1.0) && value(&text, "level") == Some(3.0)
        })
    });
    // SAFETY: the group of the process that this test has started.
    unsafe { libc::kill(-group, libc::SIGSTOP) };
    let counted = run("count", &directory);
    assert_eq!((value(&counted, "hits_total"), value(&counted, "level")), (Some(21.0), Some(3.0)));
    // SAFETY: as above.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    stopped.wait().expect("ended");
    assert_eq!(value(&text(&directory), "hits_total"), Some(21.0));
}

#[test]
fn counts_wait_in_private_memory_while_all_blocks_are_in_use() {
    let directory = Directory::new("crowd");
    let sums = |text: &str| ["hits_total", "times_seconds_count"].map(|series| value(text, series));
    let free_again = run("crowd", &directory);
    assert_eq!(sums(&free_again), [Some(11.0), Some(2.0)], "{free_again}");
    assert_eq!(sums(&text(&directory)), [Some(21.0), Some(3.0)]);
}

#[test]
fn an_application_may_close_every_descriptor() {
    let directory = Directory::new("closed");
    run("close", &directory);
}

#[test]
fn a_deleted_file_is_logged_and_the_next_process_makes_another() {
    let directory = Directory::new("deleted");
    let deleted = run("unlink", &directory);
    assert_eq!(value(&deleted, "hits_total"), Some(2.0), "{deleted}");
    assert_eq!(value(&deleted, FAILURES), Some(1.0), "{deleted}");
    assert_eq!(value(&run("count", &directory), "hits_total"), Some(20.0));
}

#[test]
fn a_registry_without_other_collectors_notices_a_deleted_file() {
    let deleted = run("unlink alone", &Directory::new("deleted-alone"));
    assert_eq!(value(&deleted, FAILURES), Some(1.0), "{deleted}");
}

#[test]
fn a_moved_file_is_noticed_when_another_process_has_made_its_successor() {
    let moved = run("replace", &Directory::new("replaced"));
    assert_eq!(value(&moved, "hits_total"), Some(1.0), "{moved}");
    assert_eq!(value(&moved, FAILURES), Some(1.0), "{moved}");
}

#[test]
fn a_process_that_never_counts_opens_and_maps_nothing() {
    run("idle", &Directory::new("idle"));
}

#[test]
fn a_new_owner_takes_no_gauge_over_when_the_index_is_damaged() {
    let directory = Directory::new("gauges");
    let mut killed = command("wait", &directory).process_group(0).spawn().expect("started");
    let group = i32::try_from(killed.id()).expect("a pid");
    let level = || {
        let files = segment::list(&directory.0).unwrap_or_default();
        let reader = files.first().and_then(|file| Reader::open(file).ok())?;
        value(&encode::text(&reader.collect()), "level")
    };
    wait_for("the gauge", || level() == Some(3.0));
    // SAFETY: the group of the process that this test has started.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    killed.wait().expect("ended");
    wait_for("the end of its child", || level().is_none());
    // The word that leads to the last gauge.
    let file = File::options().write(true).open(reader(&directory).path()).expect("opened");
    file.write_all_at(&[7; 8], 96).expect("written");
    let counted = run("count", &directory);
    assert_eq!((value(&counted, "hits_total"), value(&counted, "level")), (Some(21.0), None));
}

#[test]
fn a_file_of_an_older_layout_is_left_alone() {
    let directory = Directory::new("older");
    run("count", &directory);
    let file = segment::list(&directory.0).expect("the directory").remove(0);
    let old = File::options().read(true).write(true).open(&file).expect("opened");
    // Version 1 began in this way. Somebody has renamed it.
    old.write_all_at(b"dcmcount", 0).expect("written");
    let all = || {
        let mut bytes = vec![0; 1 << 16];
        old.read_exact_at(&mut bytes, 0).expect("read");
        (bytes, old.metadata().expect("there").blocks())
    };
    let before = all();
    is_private(&mut command("count", &directory));
    assert!(before == all(), "the file is untouched");
}

#[test]
fn another_version_has_another_file() {
    let directory = Directory::new("versions");
    run("count", &directory);
    let file = segment::list(&directory.0).expect("the directory").remove(0);
    let other = file.to_string_lossy().replace(".v2.", ".v1.");
    fs::rename(&file, &other).expect("renamed");
    let before = fs::metadata(&other).expect("there").modified().expect("a time");
    assert_eq!(value(&run("count", &directory), "hits_total"), Some(20.0));
    assert_eq!(segment::list(&directory.0).expect("the directory"), [file]);
    let after = fs::metadata(&other).expect("there").modified().expect("a time");
    assert_eq!(before, after, "the other file is untouched");
}

#[test]
fn a_removed_child_is_hidden_and_its_successor_reads_zero() {
    let directory = Directory::new("removed");
    let text = run("remove", &directory);
    assert_eq!(value(&text, "codes_total{code=\"a\"}"), Some(6.0), "{text}");
}
