//! What one increment costs: a plain add (the limit), ours, and the `prometheus` crate's.

use std::arch::asm;
use std::cell::Cell;

use criterion::{Criterion, criterion_group, criterion_main};
use dataclay_metrics_core::Counter;

/// Increments of each iteration, so that the loop around them costs next to nothing.
const BATCH: u64 = 1_000;

/// Keeps the optimiser from merging increments. `black_box` on the hot value would itself cost
/// nanoseconds.
#[expect(unsafe_code)]
fn barrier() {
    // SAFETY: no instruction; it only tells the compiler that memory may have changed.
    unsafe { asm!("", options(nostack, preserves_flags)) };
}

fn increment(c: &mut Criterion) {
    let mut group = c.benchmark_group("increment");
    group.throughput(criterion::Throughput::Elements(BATCH));

    let plain = Cell::new(0_u64);
    // Once: from here on the compiler must assume that the barrier looks at it.
    std::hint::black_box(&plain);
    group.bench_function("plain u64", |b| {
        b.iter(|| {
            for _ in 0..BATCH {
                plain.set(plain.get() + 1);
                barrier();
            }
        });
    });

    let ours = Counter::new("ours", "Ours").expect("a valid name");
    group.bench_function("ours", |b| {
        b.iter(|| {
            for _ in 0..BATCH {
                ours.inc();
                barrier();
            }
        });
    });

    let eight: Vec<Counter> =
        (0..8).map(|i| Counter::new(&format!("c{i}"), "One of eight").expect("valid")).collect();
    group.bench_function("ours, rotating over 8", |b| {
        b.iter(|| {
            for _ in 0..BATCH / 8 {
                for counter in &eight {
                    counter.inc();
                    barrier();
                }
            }
        });
    });

    let theirs = prometheus::IntCounter::new("theirs", "Theirs").expect("a valid name");
    group.bench_function("prometheus::IntCounter", |b| {
        b.iter(|| {
            for _ in 0..BATCH {
                theirs.inc();
                barrier();
            }
        });
    });
    group.finish();
}

criterion_group!(benches, increment);
criterion_main!(benches);
