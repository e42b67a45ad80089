//! Counters against an oracle that can be checked by eye: a `Mutex<u64>` for each.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

use dataclay_metrics_core::{Counter, Family};
use proptest::prelude::*;
use proptest::test_runner::Config;

const COUNTERS: usize = 5;
const THREADS: usize = 4;

/// What one thread does at one time. A thread that ends is replaced at its next step, so blocks are
/// handed on; a counter that is dropped is replaced at once, so slots are reused.
#[derive(Clone, Copy, Debug)]
enum Step {
    Add { thread: usize, counter: usize, amount: u64 },
    Drop { counter: usize },
    End { thread: usize },
    Read { counter: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let thread = 0..THREADS;
    let counter = 0..COUNTERS;
    let amount = prop_oneof![Just(1), 0..1_000_u64, Just(u64::MAX)];
    prop_oneof![
        6 => (thread.clone(), counter.clone(), amount)
            .prop_map(|(thread, counter, amount)| Step::Add { thread, counter, amount }),
        1 => counter.clone().prop_map(|counter| Step::Drop { counter }),
        1 => thread.prop_map(|thread| Step::End { thread }),
        2 => counter.prop_map(|counter| Step::Read { counter }),
    ]
}

/// A thread that adds what it is sent and says when it has.
struct Worker {
    orders: Sender<(Counter, u64, Sender<()>)>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn start() -> Worker {
        let (orders, inbox) = channel::<(Counter, u64, Sender<()>)>();
        let run = move || {
            for (counter, amount, done) in inbox {
                counter.inc_by(amount);
                drop(counter);
                done.send(()).expect("who ordered it");
            }
        };
        Worker { orders, thread: Builder::new().spawn(run).expect("a thread") }
    }

    fn add(&self, counter: &Counter, amount: u64) {
        let (done, wait) = channel();
        self.orders.send((counter.clone(), amount, done)).expect("the worker");
        wait.recv().expect("the worker");
    }

    fn end(self) {
        drop(self.orders);
        self.thread.join().expect("the worker");
    }
}

fn counter() -> (Counter, Mutex<u64>) {
    (Counter::new("oracle", "A count").expect("a valid name"), Mutex::new(0))
}

fn add(oracle: &Mutex<u64>, amount: u64) {
    let mut sum = oracle.lock().expect("no panic");
    *sum = sum.wrapping_add(amount);
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn one_step_after_the_other(steps in prop::collection::vec(step(), 1..100)) {
        let mut workers: [Option<Worker>; THREADS] = [const { None }; THREADS];
        let mut counters: Vec<_> = (0..COUNTERS).map(|_| counter()).collect();
        for step in steps {
            match step {
                Step::Add { thread, counter, amount } => {
                    let (counter, oracle) = &counters[counter];
                    workers[thread].get_or_insert_with(Worker::start).add(counter, amount);
                    add(oracle, amount);
                }
                Step::Drop { counter: at } => {
                    // The old one goes first, so that the new one gets its slot.
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
                    prop_assert_eq!(counter.get(), *oracle.lock().expect("no panic"));
                }
            }
        }
        for (counter, oracle) in &counters {
            prop_assert_eq!(counter.get(), *oracle.lock().expect("no panic"));
        }
        workers.into_iter().flatten().for_each(Worker::end);
    }

    #[test]
    fn all_threads_at_once(amounts in prop::collection::vec((0..COUNTERS, 0..1_000_u64), 1..200)) {
        let counters: Vec<_> = (0..COUNTERS).map(|_| counter()).collect();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for (at, amount) in &amounts {
                        let (counter, oracle) = &counters[*at];
                        let before = counter.get();
                        counter.inc_by(*amount);
                        add(oracle, *amount);
                        assert!(counter.get() >= before + amount);
                    }
                });
            }
        });
        for (counter, oracle) in &counters {
            prop_assert_eq!(counter.get(), *oracle.lock().expect("no panic"));
        }
    }

    #[test]
    fn a_family_is_a_map(steps in prop::collection::vec((0..3_u8, "[ab]{0,2}", "[ab]{0,2}"), 1..60)) {
        let family = Family::<Counter>::new("oracle", "", ["x", "y"]).expect("valid names");
        let mut map = HashMap::new();
        for (what, x, y) in steps {
            if what == 0 {
                prop_assert_eq!(family.remove([&x, &y]), map.remove(&(x, y)).is_some());
            } else {
                family.with_labels([&x, &y]).expect("room").inc();
                *map.entry((x, y)).or_insert(0) += 1;
            }
            prop_assert_eq!(family.len(), map.len());
        }
        for ((x, y), count) in map {
            prop_assert_eq!(family.with_labels([x, y]).expect("room").get(), count);
        }
    }
}
