//! Measures the read of a counter, by the number of blocks that it sums over.

use std::hint::black_box;

use contatori::counters::Observable;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dataclay_metrics_benches::{criterion, on_threads_in_turn};
use dataclay_metrics_core::Counter;

/// The numbers of blocks. They ascend, because blocks are never freed.
const BLOCKS: [usize; 3] = [1, 16, 256];

fn read(c: &mut Criterion) {
    let mut group = c.benchmark_group("read");
    let ours = Counter::new("ours", "Ours").expect("a valid name");
    let prometheus = prometheus::IntCounter::new("theirs", "Theirs").expect("a valid name");
    let contatori = contatori::counters::unsigned::Unsigned::new();
    let fast_counter = fast_counter::ConcurrentCounter::new(64);
    for blocks in BLOCKS {
        on_threads_in_turn(blocks, || {
            ours.inc();
            prometheus.inc();
            contatori.add(1);
            fast_counter.add(1);
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

criterion_group!(name = benches; config = criterion(); targets = read);
criterion_main!(benches);
