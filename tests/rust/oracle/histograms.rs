//! Histograms. The oracle of a histogram is the list of all numbers that it observed.

use std::sync::OnceLock;

use dataclay_metrics_core::{Buckets, Collector, Histogram, NativeBuckets, Opts, Value};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::{METRICS, THREADS, Worker};

/// One operation of one thread. Threads and histograms are replaced as in the test of counters.
#[derive(Clone, Copy, Debug)]
enum Step {
    Observe { thread: usize, histogram: usize, number: f64, times: u64 },
    Drop { histogram: usize },
    End { thread: usize },
    Read { histogram: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let (thread, histogram) = (0..THREADS, 0..METRICS);
    // Sums of eighths are exact in any order.
    let number = (-100..200_i32).prop_map(|eighths| f64::from(eighths) / 8.0);
    prop_oneof![
        6 => (thread.clone(), histogram.clone(), number, 0..4_u64).prop_map(
            |(thread, histogram, number, times)| {
                Step::Observe { thread, histogram, number, times }
            }
        ),
        1 => histogram.clone().prop_map(|histogram| Step::Drop { histogram }),
        1 => thread.prop_map(|thread| Step::End { thread }),
        2 => histogram.prop_map(|histogram| Step::Read { histogram }),
    ]
}

const BOUNDS: [f64; 4] = [-2.5, 0.0, 1.0, 7.0];

/// Keep the tables that all histograms share. Making them takes long without optimization.
static KEPT: OnceLock<[(Histogram, Vec<f64>); 2]> = OnceLock::new();

/// Makes a histogram without or with native buckets, and an empty list of observed numbers.
fn histogram(native: bool) -> (Histogram, Vec<f64>) {
    let opts = Opts::new("oracle", "Numbers").buckets(Buckets::new(BOUNDS).expect("ascending"));
    let chosen = NativeBuckets::new(2, 0.5, 16.0).expect("valid");
    let opts = if native { opts.native_buckets(chosen) } else { opts };
    (Histogram::with_opts(opts).expect("valid"), Vec::new())
}

/// Compares the samples of a histogram with counts of the observed numbers.
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
    fn histograms_equal_the_oracle_after_each_step(steps in prop::collection::vec(step(), 1..100)) {
        let mut workers: [Option<Worker>; THREADS] = [const { None }; THREADS];
        KEPT.get_or_init(|| [histogram(true), histogram(false)]);
        let mut histograms: Vec<_> = (0..METRICS).map(|at| histogram(at % 2 == 0)).collect();
        for step in steps {
            match step {
                Step::Observe { thread, histogram, number, times } => {
                    let (histogram, numbers) = &mut histograms[histogram];
                    let own = histogram.clone();
                    let worker = workers[thread].get_or_insert_with(Worker::start);
                    worker.run(move || own.observe_n(number, times));
                    numbers.extend((0..times).map(|_| number));
                }
                Step::Drop { histogram: at } => {
                    // The old histogram is dropped first, so that the new one reuses its cells.
                    histograms.remove(at);
                    histograms.insert(at, histogram(at % 2 == 0));
                }
                Step::End { thread } => {
                    if let Some(worker) = workers[thread].take() {
                        worker.end();
                    }
                }
                Step::Read { histogram } => check(&histograms[histogram])?,
            }
        }
        for histogram in &histograms {
            check(histogram)?;
        }
        workers.into_iter().flatten().for_each(Worker::end);
    }
}
