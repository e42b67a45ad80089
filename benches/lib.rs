//! Shared by all benchmarks: pinned threads that start together, and a barrier for the optimiser.

use std::arch::asm;
use std::hint::black_box;
use std::sync::{Barrier, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use core_affinity::CoreId;
use cpu_time::ThreadTime;
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode, Throughput};

/// Thread counts of the concurrent benchmarks.
pub const THREADS: [usize; 5] = [1, 2, 4, 8, 16];

/// Operations of one iteration in each thread. They hide the cost of starting the threads. This is
/// a multiple of 8 for the benchmarks that rotate over 8 counters.
const BATCH: u64 = 100_000;

/// Returns a configuration of short measurements. `make bench` runs several rounds.
pub fn criterion() -> Criterion {
    Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(400))
        .sample_size(20)
        .nresamples(1_000)
        .configure_from_args()
}

/// Keeps the optimiser from merging increments. `black_box` on the hot value costs nanoseconds.
#[inline(always)]
#[expect(unsafe_code, clippy::inline_always)]
pub fn barrier() {
    // SAFETY: no instruction; the compiler only assumes that memory may have changed.
    unsafe { asm!("", options(nostack, preserves_flags)) };
}

/// Calls `operation` `times` times, with a barrier after each call.
#[inline(always)]
#[expect(clippy::inline_always)]
pub fn repeat(times: u64, mut operation: impl FnMut()) {
    for _ in 0..times {
        operation();
        barrier();
    }
}

/// Measures `run(n)`, which does n operations, on several threads at once.
///
/// The result is the processor time of one operation in one thread. It includes the wait for a
/// contended cache line, but neither the wait for a core nor sleep on a lock.
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

/// Runs `work` on pinned threads that start together. Returns their mean processor time.
///
/// # Panics
///
/// If the cores of the machine are unknown, or `work` panics.
pub fn on_threads(threads: usize, work: impl Fn() + Sync) -> Duration {
    let cores = cores();
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

/// Runs `work` in one thread after another, while all of them live. So each thread claims a block,
/// because a thread claims no block while another thread claims one.
///
/// # Panics
///
/// If `work` panics.
pub fn on_threads_in_turn(threads: usize, work: impl Fn() + Sync) {
    let (turn, all_at_once) = (Mutex::new(()), Barrier::new(threads));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let working = turn.lock().expect("no other thread panics");
                work();
                drop(working);
                all_at_once.wait();
            });
        }
    });
}

/// Returns the cores on which the first caller may run. A pinned thread may run on only one.
///
/// # Panics
///
/// If the system does not report them.
pub fn cores() -> &'static [CoreId] {
    static CORES: OnceLock<Vec<CoreId>> = OnceLock::new();
    CORES.get_or_init(|| core_affinity::get_core_ids().expect("the cores of this machine"))
}

/// Pins the calling thread to a core. Threads and processes that it starts inherit this.
///
/// # Panics
///
/// If the system refuses it.
pub fn pin(core: CoreId) {
    assert!(core_affinity::set_for_current(core), "cannot pin a thread");
}

/// Sorts the figures. Returns their lower quartile, median and upper quartile.
pub fn quartiles(figures: &mut [f64]) -> [f64; 3] {
    figures.sort_by(f64::total_cmp);
    [1, 2, 3].map(|part| figures[figures.len() * part / 4])
}

/// Returns a label value for a series, unique for each number.
pub fn path(number: usize) -> String {
    format!("/objects/{number}")
}

/// Returns the number of samples in an exposition.
pub fn samples(exposition: &str) -> usize {
    exposition.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count()
}
