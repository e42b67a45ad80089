//! Increments allocate nothing, not even the one that claims the block of a thread. Reads of few
//! cells allocate nothing either. The allocator of this process counts its calls.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Mutex;
use std::thread;

use dataclay_metrics_core::{Counter, Family, Gauge, Histogram, NativeBuckets, Opts, Summary};

/// The system's allocator, which counts the calls of each thread.
struct Counting;

thread_local!(static CALLS: Cell<u64> = const { Cell::new(0) });

#[global_allocator]
static COUNTING: Counting = Counting;

#[expect(unsafe_code)]
// SAFETY: both methods pass their arguments to the system's allocator, which keeps the contract.
// The counter is a thread-local without a destructor, so it does not allocate.
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

/// Returns how often `work` allocates or frees on this thread.
fn calls(work: impl FnOnce()) -> u64 {
    let before = CALLS.get();
    work();
    CALLS.get() - before
}

#[test]
fn increments_and_reads_allocate_nothing() {
    assert_eq!(calls(|| drop(Box::new(1_u64))), 2, "the allocator does not count");

    // The words of these counters need several pages of a block.
    let counter = |i| Counter::new(&format!("c{i}"), "A counter").expect("a valid name");
    let many: Vec<Counter> = (0..1_000).map(counter).collect();
    let gauge = Gauge::new("gauge", "A gauge").expect("a valid name");
    let histogram = Histogram::new("h", "A histogram").expect("a valid name");
    let native = NativeBuckets::new(3, 1e-9, 1e9).expect("valid");
    let native = Opts::new("n", "A native histogram").native_buckets(native);
    let native = Histogram::with_opts(native).expect("valid");
    let summary = Summary::new("s", "A summary").expect("a valid name");
    let children = Family::<Histogram>::new("fh", "A family", ["method"]).expect("valid names");
    let family = Family::<Counter>::new("f", "A family", ["method"]).expect("valid names");
    // Threads claim one by one, because a claim during another claim is left to a later increment.
    let claiming = Mutex::new(());
    let work = || {
        let first = claiming.lock().expect("no panic");
        assert_eq!(calls(|| many[0].inc_by(0)), 0, "the claim of a block");
        drop(first);
        let counts = calls(|| {
            for counter in &many {
                counter.inc();
                counter.inc_by(7);
                counter.inc_by_f64(3.0).expect("valid");
                counter.inc_by_f64(0.5).expect("valid");
            }
            gauge.inc();
            gauge.set(3.0);
            histogram.observe(0.3);
            histogram.observe_n(70.0, 2);
            native.observe(0.3);
            summary.observe(0.3);
            histogram.start_timer().stop_and_discard();
        });
        assert_eq!(counts, 0);
        // The first look-up creates the child, and the next makes the thread remember it.
        family.with_labels(["get"]).expect("room").inc();
        family.with_labels(["get"]).expect("room").inc();
        assert_eq!(calls(|| family.with_labels(["get"]).expect("room").inc()), 0);
        children.with_labels(["get"]).expect("room").observe(1.0);
        children.with_labels(["get"]).expect("room").observe(1.0);
        assert_eq!(calls(|| children.with_labels(["get"]).expect("room").observe(1.0)), 0);
    };
    work();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(work);
        }
    });
    let read = calls(|| assert_eq!(many[999].get(), 5 * (1 + 7 + 3) + 2));
    assert_eq!(read, 0);
    let read = calls(|| assert_eq!((histogram.count(), summary.count()), (15, 5)));
    assert_eq!(read, 0);
    let read = calls(|| assert_eq!(native.count(), 5));
    assert_eq!(read, 2, "the cells of many buckets are allocated and freed");
}
