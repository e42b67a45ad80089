//! Measures the memory of counters: bytes of RAM for each counter and live thread.

use std::sync::{Barrier, Mutex, OnceLock};
use std::thread;

use dataclay_metrics_core::Counter;

const COUNTERS: usize = 10_000;

/// Returns the RAM of this process. Blocks are mappings, which a counting allocator would not see.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number") * 4096
}

/// Returns the bytes that the counters take when this many live threads count in all of them.
fn bytes(threads: usize) -> usize {
    let first = Counter::new("first", "Claims the blocks").expect("a valid name");
    let make = || (0..COUNTERS).map(|_| Counter::new("c", "A counter").expect("valid")).collect();
    let (claiming, barrier) = (Mutex::new(()), Barrier::new(threads + 1));
    let counters: OnceLock<Vec<Counter>> = OnceLock::new();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // One after the other, because a claim that meets another is left to a later
                // increment.
                let claim = claiming.lock().expect("nobody panics");
                first.inc();
                drop(claim);
                barrier.wait();
                barrier.wait();
                counters.get().expect("made").iter().for_each(Counter::inc);
                barrier.wait();
                barrier.wait();
            });
        }
        barrier.wait();
        let before = resident_bytes();
        counters.get_or_init(make);
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
    let bytes = bytes(threads);
    println!("memory: {bytes} bytes for {COUNTERS} counters with {threads} live threads");
}
