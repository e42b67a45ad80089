//! What the benchmarks share: pinned threads that start together, and a barrier for the optimiser.

use std::arch::asm;
use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use core_affinity::CoreId;
use cpu_time::ThreadTime;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};

/// How many threads the concurrent benchmarks run on.
pub const THREADS: [usize; 5] = [1, 2, 4, 8, 16];

/// Operations of one iteration on each thread, so that what it takes to start the threads does not
/// show. A multiple of 8.
const BATCH: u64 = 100_000;

/// Short measurements: `make bench` takes several rounds, and the report the least of all.
pub fn criterion() -> Criterion {
    Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400))
        .sample_size(20)
        .nresamples(1_000)
        .configure_from_args()
}

/// Keeps the optimiser from merging increments. `black_box` on the hot value would itself cost
/// nanoseconds.
#[inline(always)]
#[expect(unsafe_code, clippy::inline_always)]
pub fn barrier() {
    // SAFETY: no instruction; it only tells the compiler that memory may have changed.
    unsafe { asm!("", options(nostack, preserves_flags)) };
}

/// Calls `operation` `times` times, each with a barrier behind it.
#[inline(always)]
#[expect(clippy::inline_always)]
pub fn repeat(times: u64, mut operation: impl FnMut()) {
    for _ in 0..times {
        operation();
        barrier();
    }
}

/// Measures `run(n)`, which does n operations, on so many threads at once. The result is the
/// processor time that one thread spends on one operation: waiting for a contended cache line is in
/// it, waiting for a core or asleep on a lock is not.
pub fn concurrent(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    threads: usize,
    run: impl Fn(u64) + Sync,
) {
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function(BenchmarkId::new(name, threads), |bencher| {
        bencher.iter_custom(|times| on_threads(threads, || run(black_box(times * BATCH))));
    });
}

/// Runs `work` on so many pinned threads, which start together; returns their mean processor time.
///
/// # Panics
///
/// If the system tells no cores, or `work` panics.
pub fn on_threads(threads: usize, work: impl Fn() + Sync) -> Duration {
    let cores = core_affinity::get_core_ids().expect("the cores of this machine");
    let start = Barrier::new(threads);
    let measure = &|core| {
        pin(core);
        start.wait();
        let before = ThreadTime::now();
        work();
        before.elapsed()
    };
    let total: Duration = thread::scope(|scope| {
        let spawn = |core| scope.spawn(move || measure(core));
        let threads: Vec<_> = cores.iter().cycle().take(threads).map(|core| spawn(*core)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).sum()
    });
    total.div_f64(threads as f64)
}

/// Keeps the calling thread, and what it starts, on this core.
///
/// # Panics
///
/// If the system refuses.
pub fn pin(core: CoreId) {
    assert!(core_affinity::set_for_current(core), "cannot pin a thread");
}

/// Sorts the figures; returns their lower quartile, median and upper quartile.
pub fn quartiles(figures: &mut [f64]) -> [f64; 3] {
    figures.sort_by(f64::total_cmp);
    [1, 2, 3].map(|part| figures[figures.len() * part / 4])
}
