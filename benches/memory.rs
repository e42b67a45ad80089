//! What a counter costs in memory: bytes on the heap for each counter and live thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use dataclay_metrics_core::Counter;

const COUNTERS: usize = 10_000;

/// The system's allocator, knowing how much it has given.
struct Weighing;

static BYTES: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static WEIGHING: Weighing = Weighing;

#[expect(unsafe_code)]
// SAFETY: both methods only pass their arguments on to the system's allocator, which keeps the
// contract, and add to an atomic.
unsafe impl GlobalAlloc for Weighing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Bytes that so many counters take with so many live threads, all of which count in all of them.
fn bytes(threads: usize, counters: &mut Vec<Counter>) -> usize {
    let barrier = &Barrier::new(threads + 1);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(move || {
                Counter::new("first", "Claims the block").expect("a valid name").inc();
                barrier.wait();
                barrier.wait();
            });
        }
        barrier.wait();
        let before = BYTES.load(Relaxed);
        counters.extend((0..COUNTERS).map(|_| Counter::new("c", "A counter").expect("valid")));
        let after = BYTES.load(Relaxed);
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
