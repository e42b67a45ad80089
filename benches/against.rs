//! Compares two versions of core in one program: the base, the base again, and the working tree.
//! `make bench-against BASE=<revision>` builds and runs it (benches/against.py).
//!
//! All three are measured in short slices that take turns, so drift of the machine cancels. The
//! linker puts the two copies of the base at different addresses, and they differ in nothing else.
//! Their ratio is the noise of this run: a smaller difference of the working tree means nothing.

use std::hint::black_box;
use std::thread;

use dataclay_metrics_benches::{on_threads, on_threads_in_turn, quartiles, repeat};

/// The threads of the rows that count on several threads.
const THREADS: usize = 4;
/// The threads that count before a read, which sums over the blocks of all of them.
const BLOCKS: usize = 16;
/// The versions, in the order in which they are made.
const BASE: usize = 0;
const BASE_AGAIN: usize = 1;
const NEW: usize = 2;

/// The two rows that are also compared within one version.
const FIRST: &str = "`inc`, 1 thread";
const LATE: &str = "`inc`, the 1,000th counter, 1 thread";

/// Does as many operations as its argument.
type Run = Box<dyn Fn(u64) + Sync>;

struct Row {
    name: &'static str,
    threads: usize,
    /// The operations of one slice, which takes about half a millisecond.
    operations: u64,
    run: Run,
}

impl Row {
    /// Measures one slice. Returns nanoseconds of processor time for one operation.
    fn measure(&self) -> f64 {
        let spent = on_threads(self.threads, || (self.run)(black_box(self.operations)));
        spent.as_secs_f64() * 1e9 / self.operations as f64
    }
}

/// Keeps a value for the rest of the program.
fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Makes the rows of one version of core, with calls that all versions have. If a version lacks one
/// of them, the program does not compile, and the compiler names the call.
macro_rules! rows {
    ($core:ident) => {{
        use $core::encode::Format;
        use $core::{Counter, Family, Registry};

        let counter = |i| Counter::new(&format!("c{i}"), "A counter").expect("a valid name");
        let family = |series: usize| {
            let family = Family::<Counter>::new("requests", "Requests served", ["path"]);
            let family = family.expect("valid names");
            for i in 0..series {
                family.with_labels([format!("/objects/{i}")]).expect("room").inc_by(i as u64);
            }
            leak(family)
        };

        let eight: &[Counter; 8] = leak(std::array::from_fn(counter));
        let labelled = family(4);
        let child: &Counter = leak(labelled.with_labels(["/objects/2"]).expect("room"));
        let many: &Vec<Counter> = leak((8..1_000).map(counter).collect());
        let (first, late) = (&eight[0], &many[many.len() - 1]);
        on_threads_in_turn(BLOCKS, || first.inc());
        let five = leak(Registry::new());
        for counter in &eight[..5] {
            five.register(counter).expect("a new name");
        }
        let large = leak(Registry::new());
        let requests = family(10_000);
        large.register(requests).expect("a new name");
        let tenth = |i| requests.with_labels([format!("/objects/{}", 10 * i)]).expect("room");
        let tenth: &Vec<Counter> = leak((0..1_000).map(tenth).collect());

        let inc = || -> Run { Box::new(move |n| repeat(n, || first.inc())) };
        let rotate = || -> Run {
            Box::new(move |n| {
                for _ in 0..n / 8 {
                    for counter in eight {
                        repeat(1, || counter.inc());
                    }
                }
            })
        };
        let inc_late = || -> Run { Box::new(move |n| repeat(n, || late.inc())) };
        let inc_child = || -> Run { Box::new(move |n| repeat(n, || child.inc())) };
        let look_up = || -> Run {
            Box::new(move |n| {
                repeat(n, || labelled.with_labels(["/objects/2"]).expect("room").inc());
            })
        };
        let read = || -> Run { Box::new(move |n| repeat(n, || _ = black_box(first.get()))) };
        // One series in ten counts before each encoding. A version may keep the other lines.
        let encode = |registry: &'static Registry, counting: &'static [Counter]| -> Run {
            Box::new(move |n| {
                repeat(n, || {
                    counting.iter().for_each(Counter::inc);
                    black_box(registry.encode(Format::Text));
                });
            })
        };
        [
            (FIRST, 1, 400_000, inc()),
            ("`inc`, 4 threads on one counter", THREADS, 200_000, inc()),
            ("`inc`, rotating over 8, 1 thread", 1, 400_000, rotate()),
            ("`inc`, rotating over 8, 4 threads", THREADS, 200_000, rotate()),
            (LATE, 1, 400_000, inc_late()),
            ("`inc`, the 1,000th counter, 4 threads", THREADS, 200_000, inc_late()),
            ("`inc`, labelled child held, 1 thread", 1, 400_000, inc_child()),
            ("`with_labels` and `inc`, 1 thread", 1, 25_000, look_up()),
            ("`with_labels` and `inc`, 4 threads", THREADS, 15_000, look_up()),
            ("read of one counter, 16 blocks", 1, 40_000, read()),
            ("encode 5 metrics", 1, 3_000, encode(five, &[])),
            ("encode 10,000 series", 1, 3, encode(large, tenth)),
        ]
        .map(|(name, threads, operations, run)| Row { name, threads, operations, run })
    }};
}

/// Returns the minimum and the median, with their unit.
fn figure(times: &[f64]) -> String {
    let mut sorted = times.to_vec();
    let [_, middle, _] = quartiles(&mut sorted);
    let (factor, unit) = if sorted[0] < 1e3 { (1.0, "ns") } else { (1e3, "µs") };
    format!("{:.3} / {:.3} {unit}", sorted[0] / factor, middle / factor)
}

fn minimum(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Returns the quartiles of the ratios within each round.
fn ratios(above: &[f64], below: &[f64]) -> String {
    let mut ratios: Vec<f64> =
        above.iter().zip(below).map(|(above, below)| above / below).collect();
    let [low, middle, high] = quartiles(&mut ratios);
    format!("{middle:.3} ({low:.3} to {high:.3})")
}

#[expect(clippy::print_stdout, reason = "the result")]
fn main() {
    let rounds = std::env::args().nth(1).map_or(200, |rounds| rounds.parse().expect("a number"));
    let versions = [rows!(base), rows!(base_again), rows!(new)];
    let count = versions[BASE].len();
    let mut times: Vec<[Vec<f64>; 3]> = (0..count).map(|_| Default::default()).collect();
    for round in 0..rounds {
        for row in 0..count {
            // The versions take turns in starting a round.
            for version in (0..3).map(|offset| (round + offset) % 3) {
                times[row][version].push(versions[version][row].measure());
            }
        }
    }
    let cores = thread::available_parallelism().expect("the cores of this machine");
    println!(
        "{rounds} rounds on {cores} cores; nanoseconds of processor time for one operation in"
    );
    println!("one thread. Minimum / median; ratios within a round are the median (quartiles).\n");
    println!("| | base | new | new/base of minima | new/base in a round | noise: base/base |");
    println!("|---|---:|---:|---:|---:|---:|");
    for (row, times) in versions[BASE].iter().zip(&times) {
        println!(
            "| {} | {} | {} | {:.3} | {} | {} |",
            row.name,
            figure(&times[BASE]),
            figure(&times[NEW]),
            minimum(&times[NEW]) / minimum(&times[BASE]),
            ratios(&times[NEW], &times[BASE]),
            ratios(&times[BASE_AGAIN], &times[BASE]),
        );
    }
    let index = |name| versions[BASE].iter().position(|row| row.name == name).expect("a row");
    let (first, late) = (&times[index(FIRST)], &times[index(LATE)]);
    println!("\nThe 1,000th counter against the first, 1 thread, minima and within a round:");
    for (version, name) in [(BASE, "base"), (NEW, "new")] {
        let minima = minimum(&late[version]) / minimum(&first[version]);
        println!("{name}: {minima:.3}, {}", ratios(&late[version], &first[version]));
    }
}
