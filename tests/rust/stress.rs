//! A stress test: short threads count, while counters and children are created, dropped and
//! gathered. It runs for `STRESS_SECONDS`, by default one second.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use dataclay_metrics_core::{Counter, Family, Registry, encode};
use dataclay_metrics_tests::stress_time;

const WRITERS: usize = 4;

/// A counter, and the sum of the amounts that were added to it.
struct Counted {
    counter: Counter,
    added: AtomicU64,
}

impl Counted {
    fn new() -> Arc<Counted> {
        let counter = Counter::new("stress", "A count").expect("a valid name");
        assert_eq!(counter.get(), 0, "a new counter starts at zero");
        Arc::new(Counted { counter, added: AtomicU64::new(0) })
    }

    fn add(&self, amount: u64) {
        self.counter.inc_by(amount);
        self.added.fetch_add(amount, Ordering::Relaxed);
    }

    /// Checks the counter. Only the last owner may call this.
    fn check(&self) {
        assert_eq!(self.counter.get(), self.added.load(Ordering::Relaxed));
    }
}

#[test]
fn no_count_is_lost_while_threads_and_metrics_are_replaced() {
    let until = Instant::now() + stress_time();
    let done = AtomicBool::new(false);
    let slots: Vec<Mutex<Arc<Counted>>> = (0..100).map(|_| Mutex::new(Counted::new())).collect();
    let steady = Counted::new();
    let family = Family::<Counter>::new("children", "", ["value"]).expect("valid names");
    let in_children = AtomicU64::new(0);
    let registry = Registry::new();
    registry.register(&family).expect("a new name");
    registry.register(&steady.counter).expect("a new name");

    // Counts in counters of other threads, and replaces one of them by a new counter.
    let short_thread = |number: usize| {
        for i in 0..100 {
            let counted = slots[(number * 7 + i) % 100].lock().expect("no panic").clone();
            counted.add(i as u64);
            steady.add(1);
            family.with_labels([format!("{}", i % 20)]).expect("room").inc();
            in_children.fetch_add(1, Ordering::Relaxed);
        }
        let old =
            std::mem::replace(&mut *slots[number % 100].lock().expect("no panic"), Counted::new());
        if let Some(last) = Arc::into_inner(old) {
            last.check();
        }
    };
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                scope.spawn(move || {
                    let mut number = writer;
                    while Instant::now() < until {
                        thread::scope(|scope| {
                            scope.spawn(|| short_thread(number));
                            scope.spawn(|| short_thread(number + 50));
                        });
                        number += WRITERS;
                    }
                    number
                })
            })
            .collect();
        scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let now = steady.counter.get();
                assert!(now >= last, "decreased from {last} to {now}");
                last = now;
                assert!(encode::text(&registry.gather()).contains("stress_total "));
            }
        });
        let threads: usize = writers.into_iter().map(|w| w.join().expect("a writer")).sum();
        done.store(true, Ordering::Relaxed);
        assert!(threads > WRITERS * 2);
    });

    steady.check();
    for slot in &slots {
        slot.lock().expect("no panic").check();
    }
    let children = (0..20).map(|i| family.with_labels([i.to_string()]).expect("room").get());
    assert_eq!(children.sum::<u64>(), in_children.into_inner());
}
