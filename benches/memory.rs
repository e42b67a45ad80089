//! Measures the RAM that counters or histograms take, by the number of threads that count.
//!
//!     memory THREADS [histograms]

use std::sync::{Barrier, Mutex, OnceLock};
use std::thread;

use dataclay_metrics_core::{Counter, Histogram};

const COUNTERS: usize = 10_000;
const HISTOGRAMS: usize = 1_000;

/// Returns the RAM of this process. Blocks are mappings, which no allocator counts.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number") * 4096
}

/// Returns the bytes that the metrics take when this many threads have counted in all of them.
fn bytes<M: Send + Sync>(
    threads: usize,
    make: impl FnOnce() -> Vec<M>,
    count: impl Fn(&M) + Sync,
) -> usize {
    let first = Counter::new("first", "Claims the blocks").expect("a valid name");
    let (turn, barrier) = (Mutex::new(()), Barrier::new(threads + 1));
    let metrics: OnceLock<Vec<M>> = OnceLock::new();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // One thread at a time, because a thread claims no block while another one claims.
                let claiming = turn.lock().expect("no other thread panics");
                first.inc();
                drop(claiming);
                barrier.wait();
                barrier.wait();
                metrics.get().expect("made").iter().for_each(&count);
                barrier.wait();
                barrier.wait();
            });
        }
        barrier.wait();
        let before = resident_bytes();
        metrics.get_or_init(make);
        barrier.wait();
        barrier.wait();
        let after = resident_bytes();
        barrier.wait();
        after - before
    })
}

#[expect(clippy::print_stdout, reason = "the result")]
fn main() {
    let threads = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(16);
    let (bytes, what) = if std::env::args().any(|argument| argument == "histograms") {
        let make = |_| Histogram::new("h", "A histogram").expect("valid");
        let make = || (0..HISTOGRAMS).map(make).collect();
        let observe = |histogram: &Histogram| {
            let uppers = histogram.buckets().bounds().iter().chain(&[f64::MAX]);
            uppers.for_each(|upper| histogram.observe(*upper));
        };
        (bytes(threads, make, observe), format!("{HISTOGRAMS} histograms of 15 buckets"))
    } else {
        let make = |_| Counter::new("c", "A counter").expect("valid");
        let make = || (0..COUNTERS).map(make).collect();
        (bytes(threads, make, Counter::inc), format!("{COUNTERS} counters"))
    };
    println!("memory: {bytes} bytes for {what} with {threads} live threads");
}
