//! Increments and reads allocate nothing, once a thread has its block and, for amounts that are not
//! whole, words for them there. The only test of its process,
//! whose allocator counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Mutex;
use std::thread;

use dataclay_metrics_core::{Counter, Family, Gauge};

/// The system's allocator, counting the calls of each thread.
struct Counting;

thread_local!(static CALLS: Cell<u64> = const { Cell::new(0) });

#[global_allocator]
static COUNTING: Counting = Counting;

#[expect(unsafe_code)]
// SAFETY: both methods only pass their arguments on to the system's allocator, which keeps the
// contract; the counter is a thread-local without a destructor, and does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        CALLS.set(CALLS.get() + 1);
        // SAFETY: as promised by the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// How often `work` allocates or frees on this thread.
fn calls(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

#[test]
fn warm_increments_and_reads_allocate_nothing() {
    assert!(calls(|| drop(Box::new(1_u64))) == 2, "the allocator counts");

    // More than the first segment of a block has room for.
    let counter = |i| Counter::new(&format!("c{i}"), "A counter").expect("a valid name");
    let many: Vec<Counter> = (0..200).map(counter).collect();
    let gauge = Gauge::new("gauge", "A gauge").expect("a valid name");
    let family = Family::<Counter>::new("f", "A family", ["method"]).expect("valid names");
    // One thread after the other: who finds another one claiming counts elsewhere, and claims later.
    let claiming = Mutex::new(());
    let work = || {
        let first = claiming.lock().expect("nobody panics");
        many[0].inc_by(0); // claims the thread's block
        many[0].inc_by_f64(0.5).expect("valid"); // gives it words for fractions
        drop(first);
        let warm = calls(|| {
            for counter in &many {
                counter.inc();
                counter.inc_by(7);
                counter.inc_by_f64(3.0).expect("valid");
                counter.inc_by_f64(0.5).expect("valid");
            }
            gauge.inc();
            gauge.set(3.0);
        });
        assert_eq!(warm, 0);
        // The first look-up makes the child, the next has the thread remember it.
        family.with_labels(["get"]).expect("room").inc();
        family.with_labels(["get"]).expect("room").inc();
        assert_eq!(calls(|| family.with_labels(["get"]).expect("room").inc()), 0);
    };
    work();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(work);
        }
    });
    let read = calls(|| assert_eq!(many[199].get(), 5 * (1 + 7 + 3) + 2));
    assert_eq!(read, 0);
}
