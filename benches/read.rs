//! What a read costs, and what it costs those who count meanwhile.

use std::hint::black_box;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use contatori::counters::Observable;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dataclay_metrics_benches::{concurrent, criterion, repeat};
use dataclay_metrics_core::{Counter, Registry, encode};

/// Blocks that a read sums over, ascending: a block that was claimed once is never given up.
const BLOCKS: [usize; 3] = [1, 16, 256];

fn read(c: &mut Criterion) {
    let mut group = c.benchmark_group("read");
    let ours = Counter::new("ours", "Ours").expect("a valid name");
    let prometheus = prometheus::IntCounter::new("theirs", "Theirs").expect("a valid name");
    let contatori = contatori::counters::unsigned::Unsigned::new();
    let fast_counter = fast_counter::ConcurrentCounter::new(64);
    for blocks in BLOCKS {
        let all_at_once = Barrier::new(blocks);
        thread::scope(|scope| {
            for _ in 0..blocks {
                scope.spawn(|| {
                    ours.inc();
                    prometheus.inc();
                    contatori.add(1);
                    fast_counter.add(1);
                    all_at_once.wait();
                });
            }
        });
        let mut measure = |name, read: &dyn Fn()| {
            group.bench_function(BenchmarkId::new(name, blocks), |b| b.iter(read));
        };
        measure("ours", &|| _ = black_box(ours.get()));
        measure("prometheus", &|| _ = black_box(prometheus.get()));
        measure("contatori", &|| _ = black_box(contatori.value()));
        measure("fast-counter", &|| _ = black_box(fast_counter.sum()));
    }
}

/// A thread that increments flat out, beside another that works without pause: on a snapshot of its
/// own, or on the metrics that are counted.
fn beside(c: &mut Criterion) {
    let mut group = c.benchmark_group("increment beside");
    let registry = Registry::new();
    let name = |i| format!("m{i}");
    let five: [Counter; 5] =
        std::array::from_fn(|i| Counter::new(&name(i), "A counter").expect("a valid name"));
    for counter in &five {
        registry.register(counter).expect("a new name");
    }
    let snapshot = registry.gather();
    let mut measure = |name, work: &(dyn Fn() -> String + Sync)| {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                // The incrementing thread is on the first.
                let cores = core_affinity::get_core_ids().expect("the cores of this machine");
                assert!(core_affinity::set_for_current(cores[cores.len() - 1]));
                while !done.load(Relaxed) {
                    black_box(work());
                }
            });
            concurrent(&mut group, name, 1, |times| repeat(times, || five[2].inc()));
            done.store(true, Relaxed);
        });
    };
    measure("encode of a snapshot", &|| encode::text(&snapshot));
    measure("gather and encode", &|| encode::text(&registry.gather()));
}

criterion_group!(name = benches; config = criterion(); targets = beside, read);
criterion_main!(benches);
