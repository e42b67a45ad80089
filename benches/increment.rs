//! Measures an increment on 1 to 16 threads, in this crate, in others, and for the lower limits.

use std::cell::Cell;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use crossbeam_utils::CachePadded;
use dataclay_metrics_benches::{THREADS, concurrent, criterion, repeat};
use dataclay_metrics_core::{Counter, Family};

/// The cheapest counter that can be read at any time. It has a word for each thread, found through
/// a thread-local variable.
struct Sketch {
    slot: usize,
}

type Words = CachePadded<[AtomicU64; 8]>;

static WORDS: [Words; 64] = [const { CachePadded::new([const { AtomicU64::new(0) }; 8]) }; 64];
static CLAIMED: AtomicUsize = AtomicUsize::new(0);
thread_local!(static MINE: Cell<Option<&'static Words>> = const { Cell::new(None) });

impl Sketch {
    #[inline]
    fn inc(&self) {
        match MINE.get() {
            Some(words) => {
                let word = &words[self.slot % 8];
                word.store(word.load(Relaxed) + 1, Relaxed);
            }
            None => Sketch::claim(),
        }
    }

    #[cold]
    fn claim() {
        MINE.set(Some(&WORDS[CLAIMED.fetch_add(1, Relaxed) % WORDS.len()]));
    }
}

type Group<'a> = BenchmarkGroup<'a, WallTime>;

fn limits() -> impl Fn(&mut Group<'_>, usize) {
    let sketch = Sketch { slot: black_box(3) };
    let eight: [Sketch; 8] = std::array::from_fn(|slot| Sketch { slot: black_box(slot) });
    move |group, threads| {
        concurrent(group, "limit: plain u64", threads, |times| {
            let plain = Cell::new(0_u64);
            // Before the loop, so that the compiler must assume that each barrier reads it.
            black_box(&plain);
            repeat(times, || plain.set(plain.get() + 1));
        });
        concurrent(group, "limit: locked add, separate lines", threads, |times| {
            let own = CachePadded::new(AtomicU64::new(0));
            black_box(&own);
            repeat(times, || {
                own.fetch_add(1, Relaxed);
            });
        });
        concurrent(group, "sketch", threads, |times| repeat(times, || sketch.inc()));
        concurrent(group, "sketch, rotating over 8", threads, |times| {
            for _ in 0..times / 8 {
                for sketch in &eight {
                    repeat(1, || sketch.inc());
                }
            }
        });
    }
}

fn ours() -> impl Fn(&mut Group<'_>, usize) {
    let counter = |i| Counter::new(&format!("c{i}"), "A counter").expect("a valid name");
    let family = Family::<Counter>::new("f", "A family", ["label"]).expect("valid names");
    let child = family.with_labels(["x"]).expect("room");
    let eight: [Counter; 8] = std::array::from_fn(counter);
    // The last one is on another page of the block than the first.
    let many: Vec<Counter> = (8..1_000).map(counter).collect();
    move |group, threads| {
        let (one, late) = (&eight[3], many.last().expect("not empty"));
        concurrent(group, "ours", threads, |times| repeat(times, || one.inc()));
        concurrent(group, "ours, rotating over 8", threads, |times| {
            for _ in 0..times / 8 {
                for counter in &eight {
                    repeat(1, || counter.inc());
                }
            }
        });
        concurrent(group, "ours, the 1,000th counter", threads, |times| {
            repeat(times, || late.inc());
        });
        let late = &many[many.len() - 8..];
        concurrent(group, "ours, rotating over the last 8 of 1,000", threads, |times| {
            for _ in 0..times / 8 {
                for counter in late {
                    repeat(1, || counter.inc());
                }
            }
        });
        concurrent(group, "ours, labelled child held", threads, |times| {
            repeat(times, || child.inc());
        });
    }
}

fn peers() -> impl Fn(&mut Group<'_>, usize) {
    let prometheus = prometheus::IntCounter::new("theirs", "Theirs").expect("a valid name");
    let prometheus_client = prometheus_client::metrics::counter::Counter::<u64>::default();
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let metrics = metrics::with_local_recorder(&recorder, || metrics::counter!("theirs"));
    let fastmetrics = fastmetrics::metrics::counter::Counter::<u64>::default();
    let measured = measured::Counter::new();
    let contatori = contatori::counters::unsigned::Unsigned::new();
    let fast_counter = fast_counter::ConcurrentCounter::new(64);
    move |group, threads| {
        concurrent(group, "prometheus", threads, |n| repeat(n, || prometheus.inc()));
        concurrent(group, "prometheus-client", threads, |n| {
            repeat(n, || {
                prometheus_client.inc();
            });
        });
        concurrent(group, "metrics, handle held", threads, |n| {
            repeat(n, || metrics.increment(1));
        });
        concurrent(group, "fastmetrics", threads, |n| {
            repeat(n, || {
                fastmetrics.inc();
            });
        });
        concurrent(group, "measured", threads, |n| repeat(n, || measured.inc()));
        concurrent(group, "contatori", threads, |n| repeat(n, || contatori.add(1)));
        concurrent(group, "fast-counter", threads, |n| repeat(n, || fast_counter.add(1)));
    }
}

fn increment(c: &mut Criterion) {
    let mut group = c.benchmark_group("increment");
    let (limits, ours, peers) = (limits(), ours(), peers());
    // Benchmarks that are compared run right after each other.
    for threads in THREADS {
        limits(&mut group, threads);
        ours(&mut group, threads);
        peers(&mut group, threads);
    }
}

criterion_group!(name = benches; config = criterion(); targets = increment);
criterion_main!(benches);
