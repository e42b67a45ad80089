//! No read of a histogram is torn. It is read without pause while threads observe, and count, sum
//! and buckets of each exposition must come from the same observations. The test runs for
//! `STRESS_SECONDS`, by default one second.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use dataclay_metrics_core::encode::Format;
use dataclay_metrics_core::{
    Buckets, Collector, Family, Histogram, NativeBuckets, Opts, Registry, Summary, Value,
};
use dataclay_metrics_tests::stress_time;

const WRITERS: usize = 4;
/// One number for each bucket. Sums of them are exact below 2^53.
const NUMBERS: [f64; 5] = [1.0, 3.0, 5.0, 7.0, 9.0];
const BOUNDS: [f64; 4] = [2.0, 4.0, 6.0, 8.0];

/// Ends the writers when it is dropped, even by a check that fails. Otherwise the test never ends.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Returns the values of the samples that begin with `name`, in their order.
fn values(text: &str, name: &str) -> Vec<f64> {
    let lines = text.lines().filter(|line| line.starts_with(name));
    let value = |line: &str| line.rsplit(' ').next().expect("a value").parse().expect("a number");
    lines.map(value).collect()
}

/// Checks that the samples of one histogram fit each other. Returns its cumulative counts.
fn check(text: &str, name: &str) -> Vec<f64> {
    let cumulative = values(text, &format!("{name}_bucket"));
    let mut before = 0.0;
    let mut sum = 0.0;
    for (count, number) in cumulative.iter().zip(NUMBERS) {
        assert!(*count >= before, "a bucket is below the one before: {text}");
        sum += (count - before) * number;
        before = *count;
    }
    assert_eq!(values(text, &format!("{name}_sum")), [sum], "{text}");
    assert_eq!(values(text, &format!("{name}_count")), [before], "{text}");
    cumulative
}

/// Checks that native and explicit buckets of one read count the same observations.
fn check_native(histogram: &Histogram) {
    let family = &histogram.collect()[0];
    let values = family.samples.iter().map(|sample| match sample.value {
        Value::Integer(count) => count,
        Value::Float(_) => 0,
    });
    let mut before = 0;
    let in_bucket = |cumulative| cumulative - std::mem::replace(&mut before, cumulative);
    let explicit: Vec<u64> = values.take(NUMBERS.len()).map(in_bucket).collect();
    let [(_, native)] = &family.samples.native_histograms()[..] else { panic!("one") };
    // Each number has its own native bucket.
    let explicit: Vec<u64> = explicit.into_iter().filter(|count| *count > 0).collect();
    let of_native: Vec<u64> = native.positive.iter().map(|(_, count)| *count).collect();
    assert_eq!(of_native, explicit, "{native:?}");
    assert_eq!((native.count, native.zero_count), (explicit.iter().sum(), 0));
}

#[test]
fn every_exposition_shows_one_set_of_observations() {
    let buckets = Buckets::new(BOUNDS).expect("ascending");
    let opts = |name| Opts::new(name, "").buckets(buckets.clone());
    let plain = Histogram::with_opts(opts("plain")).expect("valid");
    let family = Family::<Histogram>::with_opts(opts("child"), ["of"]).expect("valid");
    let child = family.with_labels(["x"]).expect("room");
    let native = NativeBuckets::new(3, 0.5, 16.0).expect("valid");
    let both = Histogram::with_opts(opts("both").native_buckets(native)).expect("valid");
    let summary = Summary::new("summary", "").expect("valid");
    let registry = Registry::new();
    registry.register(&plain).expect("a new name");
    registry.register(&family).expect("a new name");
    registry.register(&both).expect("a new name");
    registry.register(&summary).expect("a new name");

    let done = AtomicBool::new(false);
    let write = |writer: usize| {
        let mut written = 0_u64;
        while !done.load(Ordering::Relaxed) {
            for at in writer..writer + 1_000 {
                let number = NUMBERS[at % NUMBERS.len()];
                plain.observe(number);
                child.observe_n(number, 2);
                both.observe(number);
                summary.observe(4.0);
            }
            written += 1_000;
        }
        written
    };
    let until = Instant::now() + stress_time();
    let (mut text, mut last, mut reads) = (String::new(), vec![0.0; NUMBERS.len()], 0_u64);
    let written: u64 = thread::scope(|scope| {
        let write = &write;
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || write(writer))).collect();
        let end = Done(&done);
        while Instant::now() < until {
            text.clear();
            registry.encode_into(Format::Text, &mut text);
            let now = check(&text, "plain");
            assert!(
                now.iter().zip(&last).all(|(now, last)| now >= last),
                "a count decreased: {text}"
            );
            last = now;
            check(&text, "child");
            check(&text, "both");
            check_native(&both);
            let [sum, count] = ["summary_sum", "summary_count"].map(|name| values(&text, name)[0]);
            assert_eq!(vec![sum], vec![count * 4.0], "{text}");
            reads += 1;
        }
        drop(end);
        writers.into_iter().map(|writer| writer.join().expect("a writer")).sum()
    });
    assert!(reads > 0 && written > 0);
    let [plain, child, both] = [plain, child, both].map(|histogram| histogram.count());
    let expected = [(plain, written), (child, 2 * written), (both, written)];
    assert!(expected.iter().all(|(count, written)| count == written), "{expected:?}");
    assert_eq!((summary.count(), summary.sum()), (written, written as f64 * 4.0));
    #[expect(clippy::print_stdout, reason = "--nocapture shows how much was tested")]
    {
        println!("{reads} expositions during {written} rounds of observations");
    }
}

#[test]
fn a_removed_child_counts_for_its_holder() {
    let family = Family::<Histogram>::new("h", "", ["of"]).expect("valid");
    let registry = Registry::new();
    registry.register(&family).expect("the first");
    let observe = |writer: usize| {
        for _ in 0..1_000 {
            // No other thread observes in this child.
            let child = family.with_labels([writer.to_string()]).expect("room");
            let before = child.count();
            (0..5).for_each(|_| child.observe(3.0));
            assert_eq!((child.count(), child.sum()), (before + 5, (before + 5) as f64 * 3.0));
        }
    };
    thread::scope(|scope| {
        let observe = &observe;
        let writers: Vec<_> =
            (0..WRITERS).map(|writer| scope.spawn(move || observe(writer))).collect();
        while !writers.iter().all(thread::ScopedJoinHandle::is_finished) {
            for writer in 0..WRITERS {
                family.remove([writer.to_string()]);
                let text = registry.encode(Format::Text);
                let of = |sample: &str| values(&text, &format!("h_{sample}"));
                let all = of(&format!("bucket{{of=\"{writer}\",le=\"+Inf\"}}"));
                assert_eq!(all, of(&format!("count{{of=\"{writer}\"}}")), "{text}");
            }
        }
    });
}
