//! Counters. The oracle of a counter is a `Mutex` around two sums, of whole amounts and of
//! fractions.

use std::sync::Mutex;

use dataclay_metrics_core::{Counter, Value};
use dataclay_metrics_tests::fixtures::number;
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::{METRICS, THREADS, Worker};

/// One operation of one thread. A new thread replaces an ended one at its next step, so blocks are
/// handed on. A new counter replaces a dropped one immediately, so slots are reused.
#[derive(Clone, Copy, Debug)]
enum Step {
    Add { thread: usize, counter: usize, amount: Amount },
    Drop { counter: usize },
    End { thread: usize },
    Read { counter: usize },
}

/// A whole amount, or a number of quarters, whose sums are exact in an f64.
#[derive(Clone, Copy, Debug)]
enum Amount {
    Whole(u64),
    Quarters(u8),
}

fn amount() -> impl Strategy<Value = Amount> {
    let whole = prop_oneof![Just(1), 0..1_000_u64, Just(u64::MAX)];
    prop_oneof![3 => whole.prop_map(Amount::Whole), 1 => (0..9_u8).prop_map(Amount::Quarters)]
}

/// The sums of a counter, computed without any concurrency.
#[derive(Clone, Copy, Default)]
struct Sums {
    whole: u64,
    quarters: u64,
}

impl Sums {
    fn add(&mut self, amount: Amount) {
        match amount {
            Amount::Whole(amount) => self.whole = self.whole.saturating_add(amount),
            Amount::Quarters(quarters) if quarters % 4 == 0 => {
                self.add(Amount::Whole(u64::from(quarters / 4)));
            }
            Amount::Quarters(quarters) => self.quarters += u64::from(quarters),
        }
    }

    fn value(self) -> Value {
        match self.quarters {
            0 => Value::Integer(self.whole),
            quarters if self.whole < 1 << 52 => {
                Value::Float(self.whole as f64 + quarters as f64 / 4.0)
            }
            quarters => match self.whole.checked_add(quarters / 4) {
                Some(sum) => Value::Integer(sum),
                None => Value::Float(2_f64.powi(64)),
            },
        }
    }
}

fn count(counter: &Counter, amount: Amount) {
    match amount {
        Amount::Whole(amount) => counter.inc_by(amount),
        Amount::Quarters(quarters) => {
            counter.inc_by_f64(f64::from(quarters) / 4.0).expect("not negative");
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let thread = 0..THREADS;
    let counter = 0..METRICS;
    prop_oneof![
        6 => (thread.clone(), counter.clone(), amount())
            .prop_map(|(thread, counter, amount)| Step::Add { thread, counter, amount }),
        1 => counter.clone().prop_map(|counter| Step::Drop { counter }),
        1 => thread.prop_map(|thread| Step::End { thread }),
        2 => counter.prop_map(|counter| Step::Read { counter }),
    ]
}

fn counter() -> (Counter, Mutex<Sums>) {
    (Counter::new("oracle", "A count").expect("a valid name"), Mutex::default())
}

fn add(oracle: &Mutex<Sums>, amount: Amount) {
    oracle.lock().expect("no panic").add(amount);
}

fn value(oracle: &Mutex<Sums>) -> Value {
    oracle.lock().expect("no panic").value()
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn counters_equal_the_oracle_after_each_step(steps in prop::collection::vec(step(), 1..100)) {
        let mut workers: [Option<Worker>; THREADS] = [const { None }; THREADS];
        let mut counters: Vec<_> = (0..METRICS).map(|_| counter()).collect();
        for step in steps {
            match step {
                Step::Add { thread, counter, amount } => {
                    let (counter, oracle) = &counters[counter];
                    let own = counter.clone();
                    let worker = workers[thread].get_or_insert_with(Worker::start);
                    worker.run(move || count(&own, amount));
                    add(oracle, amount);
                }
                Step::Drop { counter: at } => {
                    // The old counter is dropped first, so that the new one reuses its slot.
                    counters.remove(at);
                    counters.insert(at, counter());
                }
                Step::End { thread } => {
                    if let Some(worker) = workers[thread].take() {
                        worker.end();
                    }
                }
                Step::Read { counter } => {
                    let (counter, oracle) = &counters[counter];
                    prop_assert_eq!(counter.value(), value(oracle));
                }
            }
        }
        for (counter, oracle) in &counters {
            prop_assert_eq!(counter.value(), value(oracle));
        }
        workers.into_iter().flatten().for_each(Worker::end);
    }

    #[test]
    fn counters_equal_the_oracle_after_threads_count_at_once(
        amounts in prop::collection::vec((0..METRICS, 0..1_000_u64, 0..9_u8), 1..200)
    ) {
        let counters: Vec<_> = (0..METRICS).map(|_| counter()).collect();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for (at, amount, quarters) in &amounts {
                        let (counter, oracle) = &counters[*at];
                        let before = number(counter.value());
                        for amount in [Amount::Whole(*amount), Amount::Quarters(*quarters)] {
                            count(counter, amount);
                            add(oracle, amount);
                        }
                        let least = before + *amount as f64 + f64::from(*quarters) / 4.0;
                        assert!(number(counter.value()) >= least);
                    }
                });
            }
        });
        for (counter, oracle) in &counters {
            prop_assert_eq!(counter.value(), value(oracle));
        }
    }
}
