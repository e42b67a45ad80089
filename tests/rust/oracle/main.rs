//! Counters and histograms against oracles that can be checked by eye. The oracle of a counter is a
//! `Mutex` around two sums, of whole amounts and of fractions. For a histogram, it is a list of all
//! numbers.

use std::collections::HashMap;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::thread::{Builder, JoinHandle};

use dataclay_metrics_core::{
    Buckets, Collector, Counter, Family, Histogram, NativeBuckets, Opts, Value,
};
use proptest::prelude::*;
use proptest::test_runner::Config;

const COUNTERS: usize = 5;
const THREADS: usize = 4;

/// One operation of one thread. A thread that ends is replaced at its next step, so blocks are
/// handed on. A counter that is dropped is replaced at once, so slots are reused.
#[derive(Clone, Copy, Debug)]
enum Step {
    Add { thread: usize, counter: usize, amount: Amount },
    Drop { counter: usize },
    End { thread: usize },
    Read { counter: usize },
}

/// A whole amount, or a number of quarters: their sums are exact in an f64.
#[derive(Clone, Copy, Debug)]
enum Amount {
    Whole(u64),
    Quarters(u8),
}

fn amount() -> impl Strategy<Value = Amount> {
    let whole = prop_oneof![Just(1), 0..1_000_u64, Just(u64::MAX)];
    prop_oneof![3 => whole.prop_map(Amount::Whole), 1 => (0..9_u8).prop_map(Amount::Quarters)]
}

/// The sums of a counter, computed in the simplest way.
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
    let counter = 0..COUNTERS;
    prop_oneof![
        6 => (thread.clone(), counter.clone(), amount())
            .prop_map(|(thread, counter, amount)| Step::Add { thread, counter, amount }),
        1 => counter.clone().prop_map(|counter| Step::Drop { counter }),
        1 => thread.prop_map(|thread| Step::End { thread }),
        2 => counter.prop_map(|counter| Step::Read { counter }),
    ]
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does the jobs that it receives, and confirms each.
struct Worker {
    orders: Sender<(Job, Sender<()>)>,
    thread: JoinHandle<()>,
}

impl Worker {
    fn start() -> Worker {
        let (orders, inbox) = channel::<(Job, Sender<()>)>();
        let run = move || {
            for (job, done) in inbox {
                job();
                done.send(()).expect("the sender");
            }
        };
        Worker { orders, thread: Builder::new().spawn(run).expect("a thread") }
    }

    fn run(&self, job: impl FnOnce() + Send + 'static) {
        let (done, wait) = channel();
        self.orders.send((Box::new(job), done)).expect("the worker");
        wait.recv().expect("the worker");
    }

    fn end(self) {
        drop(self.orders);
        self.thread.join().expect("the worker");
    }
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

fn number(value: Value) -> f64 {
    match value {
        Value::Integer(count) => count as f64,
        Value::Float(sum) => sum,
    }
}

/// An operation of one thread on a histogram: as a [`Step`] on a counter.
#[derive(Clone, Copy, Debug)]
enum Observed {
    Observe { thread: usize, histogram: usize, number: f64, times: u64 },
    Drop { histogram: usize },
    End { thread: usize },
    Read { histogram: usize },
}

fn observed() -> impl Strategy<Value = Observed> {
    let (thread, histogram) = (0..THREADS, 0..COUNTERS);
    // Sums of eighths are exact in any order.
    let number = (-100..200_i32).prop_map(|eighths| f64::from(eighths) / 8.0);
    prop_oneof![
        6 => (thread.clone(), histogram.clone(), number, 0..4_u64).prop_map(
            |(thread, histogram, number, times)| {
                Observed::Observe { thread, histogram, number, times }
            }
        ),
        1 => histogram.clone().prop_map(|histogram| Observed::Drop { histogram }),
        1 => thread.prop_map(|thread| Observed::End { thread }),
        2 => histogram.prop_map(|histogram| Observed::Read { histogram }),
    ]
}

const BOUNDS: [f64; 4] = [-2.5, 0.0, 1.0, 7.0];

/// They keep the tables of all others alive, which take long to make without optimisation.
static KEPT: OnceLock<[(Histogram, Vec<f64>); 2]> = OnceLock::new();

/// Makes a histogram without or with native buckets, and the numbers that it observed.
fn histogram(native: bool) -> (Histogram, Vec<f64>) {
    let opts = Opts::new("oracle", "Numbers").buckets(Buckets::new(BOUNDS).expect("ascending"));
    let chosen = NativeBuckets::new(2, 0.5, 16.0).expect("valid");
    let opts = if native { opts.native_buckets(chosen) } else { opts };
    (Histogram::with_opts(opts).expect("valid"), Vec::new())
}

/// Compares what a histogram exposes with a count of all numbers.
fn check((histogram, numbers): &(Histogram, Vec<f64>)) -> Result<(), TestCaseError> {
    let family = &histogram.collect()[0];
    let values: Vec<Value> = family.samples.iter().map(|sample| sample.value).collect();
    let at_most = |bound: f64| numbers.iter().filter(|number| **number <= bound).count() as u64;
    let all = numbers.len() as u64;
    let mut expected: Vec<Value> =
        BOUNDS.iter().map(|bound| Value::Integer(at_most(*bound))).collect();
    expected.extend([Value::Integer(all), Value::Integer(all)]);
    expected.push(Value::Float(numbers.iter().sum()));
    prop_assert_eq!(values, expected);
    for (_, native) in family.samples.native_histograms() {
        let count = |buckets: &[(i32, u64)]| buckets.iter().map(|(_, count)| count).sum::<u64>();
        let zero = at_most(0.5) - numbers.iter().filter(|number| **number < -0.5).count() as u64;
        let found = [native.zero_count, count(&native.positive), count(&native.negative)];
        prop_assert_eq!(found, [zero, all - at_most(0.5), at_most(0.5) - zero]);
        for (index, count) in &native.positive {
            let (end, start) = (native.upper_bound(*index), native.upper_bound(index - 1));
            let start = if *index > 4 * 1024 { 16.0 } else { start };
            prop_assert_eq!(*count, at_most(end) - at_most(start), "bucket {}", index);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 25, failure_persistence: None, ..Config::default() })]

    #[test]
    fn histograms_step_by_step(steps in prop::collection::vec(observed(), 1..100)) {
        let mut workers: [Option<Worker>; THREADS] = [const { None }; THREADS];
        KEPT.get_or_init(|| [histogram(true), histogram(false)]);
        let mut histograms: Vec<_> = (0..COUNTERS).map(|at| histogram(at % 2 == 0)).collect();
        for step in steps {
            match step {
                Observed::Observe { thread, histogram, number, times } => {
                    let (histogram, numbers) = &mut histograms[histogram];
                    let own = histogram.clone();
                    let worker = workers[thread].get_or_insert_with(Worker::start);
                    worker.run(move || own.observe_n(number, times));
                    numbers.extend((0..times).map(|_| number));
                }
                Observed::Drop { histogram: at } => {
                    // The old one is dropped first, so that the new one gets its cells.
                    histograms.remove(at);
                    histograms.insert(at, histogram(at % 2 == 0));
                }
                Observed::End { thread } => {
                    if let Some(worker) = workers[thread].take() {
                        worker.end();
                    }
                }
                Observed::Read { histogram } => check(&histograms[histogram])?,
            }
        }
        for histogram in &histograms {
            check(histogram)?;
        }
        workers.into_iter().flatten().for_each(Worker::end);
    }
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
                    let own = counter.clone();
                    let worker = workers[thread].get_or_insert_with(Worker::start);
                    worker.run(move || count(&own, amount));
                    add(oracle, amount);
                }
                Step::Drop { counter: at } => {
                    // The old counter is dropped first, so that the new one gets its slot.
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
    fn all_threads_at_once(
        amounts in prop::collection::vec((0..COUNTERS, 0..1_000_u64, 0..9_u8), 1..200)
    ) {
        let counters: Vec<_> = (0..COUNTERS).map(|_| counter()).collect();
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
