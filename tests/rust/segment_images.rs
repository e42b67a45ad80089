//! Processes whose memory is the image of another process. One is a child of the system call clone,
//! in which no fork handler runs. The other is restored from a checkpoint.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "clone, fcntl and kill exist as C functions only")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use dataclay_metrics_core::segment::{self, Reader, Siblings};
use dataclay_metrics_core::{Collector, Counter, Gauge, Histogram, Registry};
use dataclay_metrics_core::{encode, health::Health};
use dataclay_metrics_tests::processes::{self, Directory, command, run, value};
use dataclay_metrics_tests::wait_for;

/// The number of increments of a process.
const TIMES: u64 = 10_000;

/// Runs a process that another test starts, in its role. It tests nothing itself.
#[test]
fn entry_point_of_child_processes() {
    let Some((role, path)) = processes::role() else { return };
    segment::attach(&path, "test", "images").expect("before the first count");
    let hits = Counter::new("hits", "Hits").expect("valid");
    let late = Histogram::new("late", "First observed in the image").expect("valid");
    match role.as_str() {
        "hold" => {
            hits.inc_by(20);
            thread::sleep(Duration::from_secs(60));
        }
        "clone" => {
            hits.inc_by(5);
            let image = Image::start(|socket| count_in_image(&hits, &late, socket));
            (0..TIMES).for_each(|_| hits.inc());
            image.wait();
            assert_eq!((hits.get(), reader(&path).processes()), (5 + TIMES, 2));
            drop(image);
            assert_eq!(sums(&path), (5 + 2 * TIMES, 1));
        }
        "restored" => count_without_locks(&path, &hits, false),
        "restored after a claim" => count_without_locks(&path, &hits, true),
        "checkpoint" => {
            hits.inc_by(5);
            let mut image = Image::start(|socket| {
                socket.read_exact(&mut [0]).expect("the signal to continue");
                count_in_image(&hits, &late, socket);
            });
            // A checkpoint contains no file locks, so another process claims the block.
            unlock_segment();
            wait_for("the locks", || reader(&path).processes() == 0);
            let directory = Directory(path.clone().into());
            let mut other =
                command("hold", &directory).stdout(Stdio::null()).spawn().expect("started");
            wait_for("the other process", || sums(&path).0 == 25);
            image.socket.write_all(b"!").expect("the signal to continue");
            image.wait();
            assert_eq!((reader(&path).processes(), sums(&path)), (2, (25 + TIMES, 1)));
            other.kill().expect("killed");
            other.wait().expect("ended");
            drop(image);
            assert_eq!(sums(&path), (25 + TIMES, 1));
            // The process that runs the tests removes the directory.
            std::mem::forget(directory);
        }
        other => panic!("no role {other}"),
    }
}

/// Drops all locks, as if this process was restored from a checkpoint. Then another process claims
/// a block, before or after the first exposition of this process.
fn count_without_locks(path: &str, hits: &Counter, claims_before: bool) {
    let level = Gauge::new("level", "Level").expect("valid");
    let registry = Registry::new();
    registry.register(&Siblings).expect("the first");
    registry.register(&Health).expect("a new name");
    registry.register(hits).expect("a new name");
    registry.register(&level).expect("a new name");
    hits.inc_by(5);
    level.set(3.0);
    unlock_segment();
    assert_eq!(reader(path).processes(), 0);
    let directory = Directory(path.into());
    let hold = || {
        let other = command("hold", &directory).stdout(Stdio::null()).spawn().expect("started");
        wait_for("the other process", || sums(path).0 == 25);
        other
    };
    let exposed = || encode::text(&registry.gather());
    let (mut other, text) = if claims_before {
        let other = hold();
        (other, exposed())
    } else {
        let text = exposed();
        (hold(), text)
    };
    let failures = value(&text, "dataclay_metrics_segment_failures_total");
    assert_eq!(failures, Some(f64::from(u8::from(claims_before))), "{text}");
    assert_eq!(reader(path).processes(), 2);
    // A thread leaves a lost block when it counts a metric for the first time.
    Counter::new("later", "First counted afterwards").expect("valid").inc();
    (0..TIMES).for_each(|_| hits.inc());
    level.set(4.0);
    other.kill().expect("killed");
    other.wait().expect("ended");
    exposed();
    let text = encode::text(&reader(path).collect());
    let shown = ["hits_total", "later_total", "level"].map(|series| value(&text, series));
    assert_eq!(shown, [Some(25.0 + TIMES as f64), Some(1.0), Some(4.0)], "{text}");
    assert_eq!(reader(path).processes(), 1);
    // The process that runs the tests removes the directory.
    std::mem::forget(directory);
}

/// Counts in a new metric, then in one that was counted before the image was taken.
fn count_in_image(hits: &Counter, late: &Histogram, socket: &mut UnixStream) {
    late.observe(1.0);
    (0..TIMES).for_each(|_| hits.inc());
    socket.write_all(b"!").expect("the other process reads it");
}

fn reader(directory: &str) -> Reader {
    let files = segment::list(directory).expect("the directory");
    Reader::open(&files[0]).expect("a segment")
}

/// Returns the sum of `hits` and the count of `late` in the segment.
fn sums(directory: &str) -> (u64, u64) {
    let text = encode::text(&reader(directory).collect());
    let sum =
        |series| value(&text, series).map_or(0, |value| value.to_string().parse().expect("whole"));
    (sum("hits_total"), sum("late_count"))
}

/// Drops the locks of this process on the segment, which its image shares.
fn unlock_segment() {
    let own = segment::status().expect("a segment").path;
    let inode = fs::metadata(&own).expect("the file").ino();
    for entry in fs::read_dir("/proc/self/fd").expect("the descriptors").flatten() {
        if fs::metadata(entry.path()).is_ok_and(|found| found.ino() == inode) {
            let descriptor = entry.file_name().to_string_lossy().parse().expect("a number");
            // SAFETY: a record of integers.
            let mut all: libc::flock = unsafe { std::mem::zeroed() };
            all.l_type = libc::c_short::try_from(libc::F_UNLCK).expect("a small number");
            // SAFETY: the descriptor is open, and the record outlives the call.
            let done = unsafe { libc::fcntl(descriptor, libc::F_OFD_SETLK, &raw const all) };
            assert_eq!(done, 0, "unlocked");
        }
    }
}

/// A process with a copy of the memory of this process. Dropping it kills the process.
struct Image {
    process: i32,
    /// Connected to the process.
    socket: UnixStream,
}

impl Image {
    fn start(run: impl FnOnce(&mut UnixStream)) -> Image {
        let (socket, mut image_socket) = UnixStream::pair().expect("a pair");
        let (flags, none) = (libc::c_long::from(libc::SIGCHLD), 0 as libc::c_long);
        // SAFETY: does what fork does, without its handlers. Other threads of this program sleep,
        // so the child finds no lock held.
        let process = unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) };
        assert!(process >= 0, "cloned");
        if process == 0 {
            run(&mut image_socket);
            thread::sleep(Duration::from_secs(60));
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) };
        }
        Image { process: i32::try_from(process).expect("a pid"), socket }
    }

    /// Waits until it has counted.
    fn wait(&self) {
        (&self.socket).read_exact(&mut [0]).expect("it has counted");
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: this process has started the other one, and has not waited for it.
        unsafe {
            libc::kill(self.process, libc::SIGKILL);
            libc::waitpid(self.process, std::ptr::null_mut(), 0);
        }
    }
}

#[test]
fn a_child_of_clone_counts_in_a_separate_block() {
    run("clone", &Directory::new("clone"));
}

#[test]
fn a_restored_image_leaves_a_block_that_another_process_has_claimed() {
    run("checkpoint", &Directory::new("checkpoint"));
}

#[test]
fn a_restored_process_locks_its_blocks_again() {
    run("restored", &Directory::new("restored"));
}

#[test]
fn a_restored_process_leaves_a_block_that_another_process_has_claimed() {
    run("restored after a claim", &Directory::new("restored-after-a-claim"));
}
