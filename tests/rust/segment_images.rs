//! Processes whose memory is an image of another one. One is a child of the system call clone, in
//! which no fork handler runs. The other is restored from a checkpoint.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "clone, fcntl and kill exist as C functions only")]

use std::env;
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
use dataclay_metrics_tests::processes::{Directory, command, run, value};
use dataclay_metrics_tests::wait_for;

const TIMES: u64 = 10_000;

/// Plays the role of a process that a test starts; it tests nothing itself.
#[test]
fn a_process_of_the_tests() {
    let Ok(role) = env::var("SEGMENT_ROLE") else { return };
    let path = env::var("SEGMENT_DIRECTORY").expect("set");
    segment::attach(&path, "test", "images").expect("before the first count");
    let hits = Counter::new("hits", "Hits").expect("valid");
    let late = Histogram::new("late", "First counted in the image").expect("valid");
    match role.as_str() {
        "hold" => {
            hits.inc_by(20);
            thread::sleep(Duration::from_secs(60));
        }
        "clone" => {
            hits.inc_by(5);
            let image = Image::start(|end| count_in_image(&hits, &late, end));
            (0..TIMES).for_each(|_| hits.inc());
            image.wait();
            assert_eq!((hits.get(), reader(&path).processes()), (5 + TIMES, 2));
            drop(image);
            assert_eq!(sums(&path), (5 + 2 * TIMES, 1));
        }
        "restored" => restored(&path, &hits, false),
        "replaced" => restored(&path, &hits, true),
        "checkpoint" => {
            hits.inc_by(5);
            let mut image = Image::start(|end| {
                end.read_exact(&mut [0]).expect("told to go on");
                count_in_image(&hits, &late, end);
            });
            // A checkpoint holds no lock of the kernel's. Another process gets the block.
            unlock_segment();
            wait_for("the locks", || reader(&path).processes() == 0);
            let directory = Directory(path.clone().into());
            let mut other =
                command("hold", &directory).stdout(Stdio::null()).spawn().expect("started");
            wait_for("the other process", || sums(&path).0 == 25);
            image.end.write_all(b"!").expect("told to go on");
            image.wait();
            assert_eq!((reader(&path).processes(), sums(&path)), (2, (25 + TIMES, 1)));
            other.kill().expect("killed");
            other.wait().expect("ended");
            drop(image);
            assert_eq!(sums(&path), (25 + TIMES, 1));
            // The outer process removes it.
            std::mem::forget(directory);
        }
        other => panic!("no role {other}"),
    }
}

/// Loses all locks, as a process does that comes back from a checkpoint with its number. Another
/// process claims its block then, before the first exposition or after it.
fn restored(path: &str, hits: &Counter, is_before: bool) {
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
    let (mut other, text) = if is_before {
        let other = hold();
        (other, exposed())
    } else {
        let text = exposed();
        (hold(), text)
    };
    let failures = value(&text, "dataclay_metrics_segment_failures_total");
    assert_eq!(failures, Some(f64::from(u8::from(is_before))), "{text}");
    assert_eq!(reader(path).processes(), 2);
    // The first count of a metric leaves a block that was lost.
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
    // The outer process removes it.
    std::mem::forget(directory);
}

/// Counts something new, then what the image has counted before it was taken.
fn count_in_image(hits: &Counter, late: &Histogram, end: &mut UnixStream) {
    late.observe(1.0);
    (0..TIMES).for_each(|_| hits.inc());
    end.write_all(b"!").expect("the other end is there");
}

fn reader(directory: &str) -> Reader {
    let files = segment::list(directory).expect("the directory");
    Reader::open(&files[0]).expect("a segment")
}

fn sums(directory: &str) -> (u64, u64) {
    let text = encode::text(&reader(directory).collect());
    let of =
        |series| value(&text, series).map_or(0, |value| value.to_string().parse().expect("whole"));
    (of("hits_total"), of("late_count"))
}

/// Drops this process's locks on the segment, and so those of its image.
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

/// A process with the memory of this one, killed at the end.
struct Image {
    process: i32,
    end: UnixStream,
}

impl Image {
    fn start(run: impl FnOnce(&mut UnixStream)) -> Image {
        let (end, mut its_end) = UnixStream::pair().expect("a pair");
        let (flags, none) = (libc::c_long::from(libc::SIGCHLD), 0 as libc::c_long);
        // SAFETY: as fork, without its handlers. Other threads of this program sleep, so no lock is
        // held in the child.
        let process = unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) };
        assert!(process >= 0, "cloned");
        if process == 0 {
            run(&mut its_end);
            thread::sleep(Duration::from_secs(60));
            // SAFETY: ends the child.
            unsafe { libc::_exit(0) };
        }
        Image { process: i32::try_from(process).expect("a pid"), end }
    }

    /// Waits until it has counted.
    fn wait(&self) {
        (&self.end).read_exact(&mut [0]).expect("it has counted");
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: the process that this one has started, and has not waited for.
        unsafe {
            libc::kill(self.process, libc::SIGKILL);
            libc::waitpid(self.process, std::ptr::null_mut(), 0);
        }
    }
}

#[test]
fn a_child_of_clone_counts_in_a_block_of_its_own() {
    run("clone", &Directory::new("clone"));
}

#[test]
fn a_restored_process_leaves_its_block_to_the_one_that_has_it() {
    run("checkpoint", &Directory::new("checkpoint"));
}

#[test]
fn a_restored_process_takes_its_locks_again() {
    run("restored", &Directory::new("restored"));
}

#[test]
fn a_restored_process_leaves_blocks_that_others_have_claimed() {
    run("replaced", &Directory::new("replaced"));
}
