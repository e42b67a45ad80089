//! Measures how much a gather slows a thread that counts.
//!
//! One thread increments without pause, in short slices. Meanwhile, another thread either encodes a
//! separate snapshot, or gathers and encodes the counted metrics. Slices of both kinds take turns,
//! and each pair yields one ratio. So other load on the machine affects both kinds alike.

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;

use cpu_time::ThreadTime;
use crossbeam_utils::CachePadded;
use dataclay_metrics_benches::{cores, pin, quartiles, repeat};
use dataclay_metrics_core::encode::{self, Format};
use dataclay_metrics_core::{Counter, Family, Registry};

/// Increments in a slice, which takes two or three milliseconds.
const INCREMENTS: u64 = 8_000_000;
/// Pairs of slices, enough for the median.
const PAIRS: usize = 300;
/// Most pairs to try. On some machines the two threads seldom run at the same time.
const TRIES: usize = 3_000;

/// The work of the other thread.
const SNAPSHOT: usize = 0;
const GATHER: usize = 1;
const END: usize = 2;

/// Prints the quartiles of the ratios, and the median nanoseconds by which one gather delays the
/// thread that counts.
#[expect(clippy::print_stdout, reason = "the result")]
fn measure(what: &str, registry: &Registry, counter: &Counter) {
    let cores = cores();
    let snapshot = registry.gather();
    let (request, doing) = (AtomicUsize::new(SNAPSHOT), AtomicUsize::new(END));
    let gathers = CachePadded::new(AtomicU64::new(0));
    let (mut ratios, mut costs) = (Vec::with_capacity(PAIRS), Vec::with_capacity(PAIRS));
    thread::scope(|scope| {
        scope.spawn(|| {
            pin(cores[cores.len() - 1]);
            loop {
                let now = request.load(Relaxed);
                doing.store(now, Relaxed);
                match now {
                    SNAPSHOT => black_box(encode::text(&snapshot)),
                    GATHER => black_box(registry.encode(Format::Text)),
                    _ => break,
                };
                gathers.fetch_add(1, Relaxed);
            }
        });
        pin(cores[0]);
        let slice = |work| {
            request.store(work, Relaxed);
            while doing.load(Relaxed) != work {
                spin_loop();
            }
            let (before, begin) = (gathers.load(Relaxed), ThreadTime::now());
            repeat(INCREMENTS, || counter.inc());
            (begin.elapsed().as_secs_f64() * 1e9, gathers.load(Relaxed) - before)
        };
        for pair in 0..TRIES {
            // The two kinds take turns in starting a pair.
            let ((with_snapshot, encodings), (with_gather, gathers)) = if pair % 2 == 0 {
                let with_snapshot = slice(SNAPSHOT);
                (with_snapshot, slice(GATHER))
            } else {
                let with_gather = slice(GATHER);
                (slice(SNAPSHOT), with_gather)
            };
            // The other thread does not always run.
            if encodings >= 3 && gathers >= 3 {
                ratios.push(with_gather / with_snapshot);
                costs.push((with_gather - with_snapshot) / gathers as f64);
            }
            if ratios.len() == PAIRS {
                break;
            }
        }
        request.store(END, Relaxed);
    });
    assert!(ratios.len() >= PAIRS / 10, "the two threads seldom ran at once: {}", ratios.len());
    let [low, middle, high] = quartiles(&mut ratios);
    let [_, cost, _] = quartiles(&mut costs);
    println!("gather {what}: {low:.4} {middle:.4} {high:.4} {cost:.1}");
}

fn main() {
    let registry = Registry::new();
    let five: [Counter; 5] = std::array::from_fn(|i| {
        let counter = Counter::new(&format!("m{i}"), "A counter").expect("a valid name");
        registry.register(&counter).expect("a new name");
        counter
    });
    measure("5 metrics", &registry, &five[2]);
    for (what, series) in [("100 series", 100), ("10,000 series", 10_000)] {
        let registry = Registry::new();
        let family = Family::<Counter>::new("f", "A family", ["label"]).expect("valid names");
        registry.register(&family).expect("a new name");
        for i in 0..series {
            family.with_labels([i.to_string()]).expect("room");
        }
        measure(what, &registry, &family.with_labels(["2"]).expect("room"));
    }
}
