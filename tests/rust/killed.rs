//! Processes that are killed at any moment lose no count. Each is this test program again, in a
//! role that a variable names.
#![cfg(target_os = "linux")]
#![allow(unsafe_code, reason = "fork and kill exist as C functions only")]
#![allow(clippy::print_stdout, reason = "a test shows what it counted")]

use std::env;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use dataclay_metrics_core::segment::{self, Reader};
use dataclay_metrics_core::{Collector, Counter, Family, Histogram, encode};
use dataclay_metrics_tests::processes::{self, Directory, command, value};
use dataclay_metrics_tests::wait_for;

/// Runs a process that another test starts, in its role. It tests nothing itself.
#[test]
fn entry_point_of_child_processes() {
    let Some((_, directory)) = processes::role() else { return };
    segment::attach(&directory, "test", "a/b c").expect("before the first count");
    count_until_killed();
}

/// A file that counts independently of the library. It has two numbers for each thread, written
/// before and after each increment. So a kill leaves at most one increment of a thread in doubt.
struct Account(File);

impl Account {
    fn open(path: &Path) -> Account {
        Account(
            File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .expect("a file"),
        )
    }

    fn write(&self, thread: u64, half: u64, number: u64) {
        self.0.write_all_at(&number.to_le_bytes(), thread * 16 + half * 8).expect("written");
    }

    fn has_counted(&self, process: u64) -> bool {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, process * 4 * 16 + 8).is_ok_and(|()| bytes != [0; 8])
    }

    /// Returns the number of increments that threads began, and the number that they ended.
    fn sums(&self) -> (u64, u64) {
        let mut bytes = Vec::new();
        (&self.0).read_to_end(&mut bytes).expect("read");
        let numbers: Vec<u64> = bytes
            .chunks(8)
            .map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap_or_default()))
            .collect();
        let half = |half| numbers.iter().skip(half).step_by(2).sum();
        (half(0), half(1))
    }
}

/// Counts in four threads until this process is killed. If the test wants children, two forked
/// children count, too.
fn count_until_killed() {
    let number = |name: &str| env::var(name).expect("set").parse::<u64>().expect("a number");
    let mut process = number("SEGMENT_PROCESS") * 3;
    // SAFETY: takes plain numbers. The parent kills the whole group.
    unsafe { libc::setpgid(0, 0) };
    let hits = Counter::new("hits", "Hits").expect("valid");
    if number("SEGMENT_CHILDREN") > 0 {
        let account = Account::open(Path::new(&env::var("SEGMENT_ACCOUNT").expect("set")));
        account.write(process * 4, 0, 1);
        hits.inc();
        account.write(process * 4, 1, 1);
        for _ in 0..2 {
            process += 1;
            // SAFETY: one thread counts so far, and the child counts alone.
            if unsafe { libc::fork() } == 0 {
                count_in_threads(&hits, process, 1);
            }
        }
        process -= 2;
    }
    count_in_threads(&hits, process, 4);
}

fn count_in_threads(hits: &Counter, process: u64, threads: u64) {
    let account = Account::open(Path::new(&env::var("SEGMENT_ACCOUNT").expect("set")));
    let codes = Family::<Counter>::new("codes", "Codes", ["code"]).expect("valid");
    let waits = Histogram::new("waits", "Waits").expect("valid");
    thread::scope(|scope| {
        for thread in 0..threads {
            let (account, codes, waits) = (&account, &codes, &waits);
            scope.spawn(move || {
                let child = codes.with_labels([(process % 7).to_string()]).expect("room");
                // The first thread of a process with children has already counted once. For other
                // threads, the file may have no number yet.
                let place = process * 4 + thread;
                let mut bytes = [0; 8];
                account.0.read_at(&mut bytes, place * 16).expect("read");
                for count in u64::from_le_bytes(bytes) + 1.. {
                    account.write(place, 0, count);
                    hits.inc();
                    account.write(place, 1, count);
                    child.inc();
                    waits.observe(0.25);
                }
            });
        }
    });
}

/// Starts processes, `at_once` at a time, and kills each at a random moment, while a reader sums
/// without pause. No sum may decrease, and the last sum must equal the account.
fn kill_many(name: &str, processes: u64, at_once: u64, children: u64) {
    let directory = Directory::new(name);
    let account = PathBuf::from(format!("{}.account", directory.0.display()));
    let start = |process: u64| {
        command("until killed", &directory)
            .env("SEGMENT_ACCOUNT", &account)
            .env("SEGMENT_PROCESS", process.to_string())
            .env("SEGMENT_CHILDREN", children.to_string())
            .stdout(Stdio::null())
            .spawn()
            .expect("started")
    };
    let next = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    let reads = AtomicU64::new(0);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reader = None;
            let mut last = (0.0, 0.0, 0.0);
            while !done.load(Ordering::Relaxed) {
                if reader.is_none() {
                    let files = segment::list(&directory.0).unwrap_or_default();
                    reader = files.first().and_then(|file| Reader::open(file).ok());
                }
                let Some(reader) = &reader else { continue };
                let text = encode::text(&reader.collect());
                let value = |series| value(&text, series).unwrap_or(0.0);
                let now =
                    (value("hits_total"), value("codes_total{code=\"3\"}"), value("waits_count"));
                let decreased = now.0 < last.0 || now.1 < last.1 || now.2 < last.2;
                assert!(!decreased, "{now:?} after {last:?}");
                assert!(
                    (value("waits_sum") - now.2 * 0.25).abs() < 0.1,
                    "each observation is 0.25"
                );
                last = now;
                reads.fetch_add(1, Ordering::Relaxed);
            }
        });
        let killers: Vec<_> = (0..at_once)
            .map(|seed| {
                let (next, start, account) = (&next, &start, &account);
                scope.spawn(move || {
                    let mut random = seed;
                    loop {
                        let process = next.fetch_add(1, Ordering::Relaxed);
                        if process >= processes {
                            return;
                        }
                        let mut child = start(process);
                        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        // Every second process counts before it is killed. The others are killed
                        // before, during or after their first count.
                        let account = Account::open(account);
                        if process % 2 == 1 {
                            wait_for("a count", || account.has_counted(process * 3));
                        }
                        thread::sleep(Duration::from_micros((random >> 33) % 40_000));
                        let pid = i32::try_from(child.id()).expect("a pid");
                        // SAFETY: takes plain numbers: the group of the child, or the child.
                        unsafe {
                            libc::kill(pid, libc::SIGKILL);
                            libc::kill(-pid, libc::SIGKILL);
                        }
                        child.wait().expect("ended");
                    }
                })
            })
            .collect();
        for killer in killers {
            killer.join().expect("all processes are killed");
        }
        done.store(true, Ordering::Relaxed);
        reader.join().expect("no sum decreased");
    });
    let (begun, counted) = Account::open(&account).sums();
    std::fs::remove_file(&account).expect("removed");
    let reader = directory.reader();
    let sum = value(&directory.text(), "hits_total").unwrap_or(0.0);
    let size = reader.path().metadata().expect("the file").blocks() / 2;
    println!("counts {counted} to {begun}, sum {sum}, {} reads, {size} KiB", reads.into_inner());
    assert!(counted as f64 <= sum && sum <= begun as f64, "{counted} <= {sum} <= {begun}");
    assert!(counted > 0, "no process has counted");
    // The directory, and one block for each process and each thread that live at the same time.
    let blocks = at_once * (5 + children * 4);
    assert!(size <= 64 + blocks * 24, "{size} KiB for {blocks} blocks");
}

#[test]
fn processes_killed_at_random_lose_no_count() {
    kill_many("random", number("SEGMENT_PROCESSES", 40), number("SEGMENT_AT_ONCE", 8), 0);
}

#[test]
fn forked_children_killed_at_random_lose_no_count() {
    kill_many("forks", number("SEGMENT_PROCESSES", 40) / 2, number("SEGMENT_AT_ONCE", 8) / 2, 2);
}

/// Returns the number in a variable.
fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |number| number.parse().expect("a number"))
}
