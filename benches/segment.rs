//! Measures counts in a segment and in private memory. The first count of a process attaches the
//! segment, so each figure is the minimum of many processes.

use std::env;
use std::process::{Command, Stdio};
use std::time::Instant;

use dataclay_metrics_benches::repeat;
use dataclay_metrics_core::{Counter, Histogram, segment};

/// Processes of each kind.
const PROCESSES: usize = 40;
/// Counts over which a process takes the mean.
const COUNTS: u64 = 2_000_000;
/// The families in the large directory.
const FAMILIES: usize = 1_000;
/// The variable with the directory of a child process; empty for private memory.
const DIRECTORY: &str = "BENCH_SEGMENT";
/// The variable that makes a child process fill the directory.
const FILL: &str = "BENCH_FILL";

/// Nanoseconds of the first count, a later one, and an observation.
type Figures = [f64; 3];

/// Returns the mean nanoseconds of what happened so many times since `begin`.
fn mean_since(begin: Instant, times: u64) -> f64 {
    begin.elapsed().as_nanos() as f64 / times as f64
}

/// Runs in a child process: counts, and prints the three figures.
#[expect(clippy::print_stdout, reason = "the result, for the parent")]
fn child(directory: &str) {
    if !directory.is_empty() {
        segment::attach(directory, "bench", "bench").expect("before the first count");
    }
    let hits = Counter::new("hits", "Hits").expect("valid");
    let times = Histogram::new("times_seconds", "Times").expect("valid");
    let begin = Instant::now();
    hits.inc();
    let first = mean_since(begin, 1);
    times.observe(0.3);
    let begin = Instant::now();
    repeat(COUNTS, || hits.inc());
    let later = mean_since(begin, COUNTS);
    let begin = Instant::now();
    repeat(COUNTS, || times.observe(0.3));
    println!("{first} {later} {}", mean_since(begin, COUNTS));
    if env::var_os(FILL).is_some() {
        for number in 0..FAMILIES {
            let name = format!("family_{number}");
            Counter::new(&name, "A family of the directory").expect("valid").inc();
        }
    }
}

/// Runs a child process, and returns its figures.
fn run(directory: &str, fill: bool) -> Figures {
    let program = env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.env(DIRECTORY, directory);
    if fill {
        command.env(FILL, "1");
    }
    let output = command.stderr(Stdio::inherit()).output().expect("this program");
    assert!(output.status.success(), "a child process failed: {}", output.status);
    let text = String::from_utf8(output.stdout).expect("numbers");
    let mut figures = text.split_whitespace().map(|figure| figure.parse().expect("a number"));
    std::array::from_fn(|_| figures.next().expect("three figures"))
}

#[expect(clippy::print_stdout, reason = "the result")]
fn main() {
    if let Ok(directory) = env::var(DIRECTORY) {
        return child(&directory);
    }
    let root = format!("/dev/shm/dataclay-metrics-bench-{}", std::process::id());
    let large = format!("{root}/large");
    run(&large, true);
    let kinds = ["private memory", "segment", "segment of 1,000 families"];
    let mut minima = [[f64::INFINITY; 3]; 3];
    for _ in 0..PROCESSES {
        for (minima, directory) in minima.iter_mut().zip(["", &format!("{root}/small"), &large]) {
            for (minimum, figure) in minima.iter_mut().zip(run(directory, false)) {
                *minimum = minimum.min(figure);
            }
        }
    }
    std::fs::remove_dir_all(&root).expect("removed");
    for (kind, [first, later, observe]) in kinds.iter().zip(minima) {
        println!("{kind}: first count {first:.0} ns, inc {later:.2} ns, observe {observe:.2} ns");
    }
}
