//! No count is lost when many threads count, also while they start and end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use dataclay_metrics_core::{Counter, Gauge, Value};
use dataclay_metrics_tests::fixtures::number;
use dataclay_metrics_tests::wait_for;

fn counter(name: &str) -> Counter {
    Counter::new(name, "A count").expect("a valid name")
}

#[test]
fn eight_threads_lose_no_increment_while_a_reader_polls() {
    let counter = counter("eight_million");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut last, mut reads) = (0, 0_u64);
            while !done.load(Ordering::Relaxed) {
                let now = counter.get();
                assert!(now >= last, "decreased from {last} to {now}");
                (last, reads) = (now, reads + 1);
            }
            reads
        });
        let writers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (0..1_000_000).for_each(|_| counter.inc()))).collect();
        for writer in writers {
            writer.join().expect("a writer");
        }
        assert_eq!(counter.get(), 8_000_000);
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().expect("the reader saw no decrease") > 0);
    });
}

#[test]
fn a_sum_at_its_maximum_stays_there() {
    type Step = fn(&Counter);
    let by_f64: Step = |c| c.inc_by_f64(2_f64.powi(63)).expect("positive");
    let ways: [(&str, &[Step]); 6] = [
        ("at once", &[|c| c.inc_by(u64::MAX), Counter::inc]),
        ("by halves", &[|c| c.inc_by(1 << 63), |c| c.inc_by(1 << 63)]),
        ("from one", &[Counter::inc, |c| c.inc_by(u64::MAX), |c| c.inc_by(u64::MAX)]),
        ("one by one", &[|c| c.inc_by(u64::MAX - 2), Counter::inc, Counter::inc, Counter::inc]),
        ("by floats", &[by_f64, by_f64, by_f64]),
        ("by a fraction", &[|c| c.inc_by(u64::MAX), |c| c.inc_by_f64(0.5).expect("positive")]),
    ];
    for (way, steps) in ways {
        let here = counter("full");
        let elsewhere = counter("full_in_threads");
        for step in steps {
            let before = (here.get(), elsewhere.get());
            step(&here);
            thread::scope(|scope| scope.spawn(|| step(&elsewhere)).join()).expect("no panic");
            assert!(here.get() >= before.0 && elsewhere.get() >= before.1, "{way}");
        }
        for counter in [&here, &elsewhere] {
            assert_eq!(counter.value(), Value::Integer(u64::MAX), "{way}");
            assert_eq!(counter.get(), u64::MAX, "{way}");
        }
    }
}

#[test]
fn the_sum_is_exact_up_to_its_maximum() {
    let counter = counter("exact");
    counter.inc_by(u64::MAX - 7);
    counter.inc_by(3);
    counter.inc();
    assert_eq!(counter.value(), Value::Integer(u64::MAX - 3));
}

#[test]
fn no_fraction_decreases_a_sum() {
    let around = [52, 53, 54, 62, 63].map(|power| 1_u64 << power);
    let starts = around.iter().flat_map(|at| [at - 3, at - 1, *at, at + 1, at + 3]);
    let parts = [0.25, 0.5, 0.75, 1.5, 2_f64.powi(63), 2_f64.powi(64), 1e300];
    for start in starts.chain([0, 1, u64::MAX - 1, u64::MAX]) {
        for part in parts {
            let counter = counter("parts");
            counter.inc_by(start);
            let mut before = (counter.get(), number(counter.value()));
            for step in 0..8 {
                match step % 4 {
                    3 => counter.inc(),
                    _ => counter.inc_by_f64(part).expect("positive"),
                }
                let now = (counter.get(), number(counter.value()));
                assert!(now.0 >= before.0 && now.1 >= before.1, "{start} and {part}: {now:?}");
                if let Value::Integer(whole) = counter.value() {
                    assert!(whole >= start, "{start} and {part}: {whole}");
                }
                before = now;
            }
        }
    }
}

#[test]
fn an_increment_in_the_destructor_of_a_thread_local_is_counted() {
    struct IncrementOnDrop(Counter);
    impl Drop for IncrementOnDrop {
        fn drop(&mut self) {
            self.0.inc();
        }
    }
    thread_local!(static LAST: std::cell::RefCell<Vec<IncrementOnDrop>> = const { std::cell::RefCell::new(Vec::new()) });

    let counter = counter("teardown");
    thread::scope(|scope| {
        for _ in 0..50 {
            // This destructor is registered before the thread claims a block, so it runs after the
            // block is handed on.
            scope.spawn(|| {
                LAST.with_borrow_mut(|last| last.push(IncrementOnDrop(counter.clone())));
                counter.inc();
            });
        }
    });
    // The scope waits for the closures, not for the destructors.
    wait_for("the destructors", || counter.get() == 100);
}

#[test]
fn a_new_counter_in_a_reused_slot_starts_at_zero() {
    for round in 0..200 {
        let counter = counter("reused");
        assert_eq!(counter.get(), 0, "round {round}");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| counter.inc_by(7));
            }
        });
        assert_eq!(counter.get(), 28);
    }
}

#[test]
fn a_thousand_counters_on_four_threads_are_exact() {
    let early = counter("early");
    early.inc();
    let many: Vec<Counter> = (0..1_000).map(|i| counter(&format!("many_{i}"))).collect();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (i, counter) in (0..).zip(&many) {
                    counter.inc_by(i);
                }
                early.inc();
            });
        }
    });
    for (i, counter) in (0..).zip(&many) {
        assert_eq!(counter.get(), 4 * i);
    }
    assert_eq!(early.get(), 5);
}

#[test]
fn counters_beyond_the_end_of_the_blocks_are_exact() {
    // A block has 130,560 words, so the last counters here are beyond its end.
    let mut many: Vec<Counter> = (0..130_590).map(|_| counter("many")).collect();
    let beyond = many.split_off(130_560);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for (i, counter) in (0..).zip(&beyond) {
                    counter.inc_by(i);
                    counter.inc_by_f64(0.25).expect("valid");
                }
            });
        }
    });
    for (i, counter) in (0_u32..).zip(&beyond) {
        assert_eq!(counter.value(), Value::Float(4.0 * f64::from(i) + 1.0));
    }
    assert!(many.iter().all(|counter| counter.get() == 0));
    drop(beyond);
    let again: Vec<Counter> = (0..30).map(|_| counter("again")).collect();
    assert!(again.iter().all(|counter| counter.value() == Value::Integer(0)));
}

#[test]
fn whole_amounts_stay_exact_and_fractions_are_added() {
    let counter = counter("amounts");
    counter.inc_by(1 << 60);
    counter.inc_by_f64(1.0).expect("valid");
    assert_eq!(counter.value(), Value::Integer((1 << 60) + 1));
    let small = Counter::new("small", "").expect("valid");
    small.inc_by_f64(0.25).expect("valid");
    small.inc_by_f64(2.5).expect("valid");
    assert_eq!((small.value(), small.get()), (Value::Float(2.75), 2));
    for wrong in [-1.0, -0.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let error = small.inc_by_f64(wrong).expect_err("refused").to_string();
        assert!(error.contains(&wrong.to_string()) && error.contains("only goes up"), "{error}");
    }
    assert_eq!(small.value(), Value::Float(2.75));
}

#[test]
fn a_gauge_loses_no_update_and_reads_its_callback() {
    let gauge = Gauge::new("gauge", "").expect("valid");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..10_000).for_each(|_| gauge.inc()));
            scope.spawn(|| (0..10_000).for_each(|_| gauge.dec_by(0.5)));
        }
    });
    assert_eq!(gauge.get(), Some(20_000.0));
    gauge.set_function(|| Some(7.0));
    assert_eq!(gauge.get(), Some(7.0));
    gauge.set_function(|| panic!("a panic that the test expects"));
    assert_eq!(gauge.get(), None);
}
