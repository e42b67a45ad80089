//! Memory use depends on how many threads run at the same time, not on how many have run. The test
//! measures its process, so no other test may run in it.

use std::thread;

use dataclay_metrics_core::Counter;
use dataclay_metrics_tests::measure::resident_bytes;

#[test]
fn ten_thousand_short_threads_lose_no_count_and_leak_no_memory() {
    let counter = Counter::new("short_threads", "A count").expect("a valid name");
    let run_threads = || {
        for _ in 0..100 {
            thread::scope(|scope| {
                for _ in 0..20 {
                    scope.spawn(|| counter.inc_by(3));
                }
            });
        }
    };
    run_threads();
    let before = resident_bytes();
    for _ in 0..4 {
        run_threads();
    }
    let grown = resident_bytes().saturating_sub(before);
    assert_eq!(counter.get(), 3 * 10_000);
    // If each of the 8,000 threads leaked a block, they would leak 32,000 KiB.
    assert!(grown < 2 * 1024 * 1024, "{grown} bytes for threads that have ended");
}
