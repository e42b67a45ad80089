//! Measures counts in a segment and in private memory: the first count of a process, which
//! attaches, and each later one.
//!
//! Each figure is the least of many processes, because only a first count attaches.

use std::env;
use std::process::Command;
use std::time::Instant;

use dataclay_metrics_benches::repeat;
use dataclay_metrics_core::{Counter, Histogram, segment};

/// Processes of each kind.
const PROCESSES: usize = 40;
/// Counts that one process measures together.
const COUNTS: u64 = 2_000_000;
/// The families that a large directory holds before a process attaches.
const FAMILIES: usize = 1_000;
/// The place of a child's directory in its environment; empty for private memory.
const DIRECTORY: &str = "BENCH_SEGMENT";

/// Nanoseconds of the first count, of a later one, and of an observation.
type Figures = [f64; 3];

fn since(begin: Instant, times: u64) -> f64 {
    begin.elapsed().as_nanos() as f64 / times as f64
}

#[expect(clippy::print_stdout, reason = "the result, for the parent")]
fn child(directory: &str) {
    if !directory.is_empty() {
        segment::attach(directory, "bench", "bench").expect("before the first count");
    }
    let hits = Counter::new("hits", "Hits").expect("valid");
    let times = Histogram::new("times_seconds", "Times").expect("valid");
    let begin = Instant::now();
    hits.inc();
    let first = since(begin, 1);
    times.observe(0.3);
    let begin = Instant::now();
    repeat(COUNTS, || hits.inc());
    let later = since(begin, COUNTS);
    let begin = Instant::now();
    repeat(COUNTS, || times.observe(0.3));
    println!("{first} {later} {}", since(begin, COUNTS));
    if env::var_os("BENCH_FILL").is_some() {
        for number in 0..FAMILIES {
            let name = format!("family_{number}");
            Counter::new(&name, "A family of the directory").expect("valid").inc();
        }
    }
}

fn run(directory: &str, fill: bool) -> Figures {
    let program = env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.env(DIRECTORY, directory);
    if fill {
        command.env("BENCH_FILL", "1");
    }
    let ended = command.output().expect("started");
    let text = String::from_utf8(ended.stdout).expect("numbers");
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
    let mut least = [[f64::INFINITY; 3]; 3];
    for _ in 0..PROCESSES {
        for (least, directory) in least.iter_mut().zip(["", &format!("{root}/small"), &large]) {
            for (least, figure) in least.iter_mut().zip(run(directory, false)) {
                *least = least.min(figure);
            }
        }
    }
    std::fs::remove_dir_all(&root).expect("removed");
    for (kind, [first, later, observe]) in kinds.iter().zip(least) {
        println!("{kind}: first count {first:.0} ns, inc {later:.2} ns, observe {observe:.2} ns");
    }
}
