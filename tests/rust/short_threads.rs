//! Memory is bounded by the threads that live at once. The test is alone in its process, which it
//! measures.

use std::thread;

use dataclay_metrics_core::Counter;

/// Returns the bytes of RAM that this process uses.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number") * 4096
}

#[test]
fn ten_thousand_short_threads_lose_nothing_and_leave_no_memory_behind() {
    let counter = Counter::new("short_threads", "A count").expect("a valid name");
    let generation = || {
        for _ in 0..100 {
            thread::scope(|scope| {
                for _ in 0..20 {
                    scope.spawn(|| counter.inc_by(3));
                }
            });
        }
    };
    generation();
    let before = resident_bytes();
    for _ in 0..4 {
        generation();
    }
    let grown = resident_bytes().saturating_sub(before);
    assert_eq!(counter.get(), 3 * 10_000);
    // If each thread left a block behind, 8,000 threads would leave 32,000 KiB.
    assert!(grown < 2 * 1024 * 1024, "{grown} bytes for threads that have ended");
}
