//! Measures the memory of counters: bytes of RAM for each counter and live thread.

use std::sync::Barrier;
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
fn bytes(threads: usize, counters: &mut Vec<Counter>) -> usize {
    let barrier = &Barrier::new(threads + 1);
    let begin = &Counter::new("first", "Claims the blocks").expect("a valid name");
    thread::scope(|scope| {
        let (give, take) = std::sync::mpsc::channel::<&[Counter]>();
        let take = &std::sync::Mutex::new(take);
        for _ in 0..threads {
            scope.spawn(move || {
                begin.inc();
                barrier.wait();
                let counters = take.lock().expect("nobody panics").recv().expect("the counters");
                counters.iter().for_each(Counter::inc);
                barrier.wait();
                barrier.wait();
            });
        }
        barrier.wait();
        let before = resident_bytes();
        counters.extend((0..COUNTERS).map(|_| Counter::new("c", "A counter").expect("valid")));
        let counters = &*counters;
        (0..threads).for_each(|_| give.send(counters).expect("a thread"));
        barrier.wait();
        let after = resident_bytes();
        barrier.wait();
        after - before
    })
}

#[expect(clippy::print_stdout, reason = "the result")]
fn main() {
    let threads = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(16);
    let bytes = bytes(threads, &mut Vec::with_capacity(COUNTERS));
    println!("memory: {bytes} bytes for {COUNTERS} counters with {threads} live threads");
}
