//! Measures an observation on 1 to 16 threads, and the encoding of histograms, in this and in other
//! crates.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use dataclay_metrics_benches::{THREADS, concurrent, criterion, path, repeat, samples};
use dataclay_metrics_core::encode::Format;
use dataclay_metrics_core::{Counter, Family, Histogram, NativeBuckets, Opts, Registry, Summary};
use opentelemetry::metrics::{BoundHistogram, MeterProvider};
use opentelemetry_sdk::metrics::{ManualReader, SdkMeterProvider};

const BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The number that most benchmarks observe repeatedly.
const SAME: f64 = 0.3;
/// The count of numbers that the other benchmarks observe. `%` is fast for a power of two.
const NUMBERS: usize = 4_096;
const NAME: &str = "request_seconds";
const HELP: &str = "Time of a request";

type Group<'a> = BenchmarkGroup<'a, WallTime>;

/// Returns numbers in all buckets. Their logarithms are spread evenly.
fn numbers() -> Vec<f64> {
    let mut random = 1_u64;
    let number = |_| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((random >> 40) as f64 / f64::from(1 << 24) * 14.0 - 10.0).exp2() * 10.0
    };
    (0..NUMBERS).map(number).collect()
}

/// Observes `times` numbers, one after another. Inlined, so that all crates have the same loop.
#[inline(always)]
#[expect(clippy::inline_always)]
fn spread(numbers: &[f64], times: u64, observe: impl Fn(f64)) {
    let mut at = 0;
    repeat(times, || {
        observe(numbers[at % NUMBERS]);
        at += 1;
    });
}

/// Returns a histogram with native buckets for the range of [`numbers`].
fn with_native() -> Histogram {
    let native = NativeBuckets::new(3, 1e-6, 1e3).expect("valid");
    Histogram::with_opts(Opts::new(NAME, HELP).native_buckets(native)).expect("a valid name")
}

/// Returns a histogram of OpenTelemetry, bound to its attributes, and its provider.
fn open_telemetry() -> (SdkMeterProvider, BoundHistogram<f64>) {
    let reader = ManualReader::builder().build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    let meter = provider.meter("bench");
    let histogram = meter.f64_histogram(NAME).with_boundaries(BOUNDS.to_vec()).build();
    (provider, histogram.bind(&[]))
}

fn observe(c: &mut Criterion) {
    let mut group = c.benchmark_group("observe");
    let counter = Counter::new("c", HELP).expect("a valid name");
    let counters: [Counter; BOUNDS.len() + 1] =
        std::array::from_fn(|at| Counter::new(&format!("c{at}"), HELP).expect("a valid name"));
    let ours = Histogram::new(NAME, HELP).expect("a valid name");
    let summary = Summary::new("summary", HELP).expect("a valid name");
    let opts = || prometheus::HistogramOpts::new(NAME, HELP).buckets(BOUNDS.to_vec());
    let theirs = prometheus::Histogram::with_opts(opts()).expect("valid");
    let client = prometheus_client::metrics::histogram::Histogram::new(BOUNDS);
    let builder = metrics_exporter_prometheus::PrometheusBuilder::new();
    let recorder = builder.set_buckets(&BOUNDS).expect("buckets").build_recorder();
    let metrics = metrics::with_local_recorder(&recorder, || metrics::histogram!("theirs"));
    let with_native = with_native();
    let (_provider, open_telemetry) = open_telemetry();
    // It takes only whole numbers, here milliseconds.
    let millis = [5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000];
    let fast = fast_telemetry::Histogram::new(&millis, 64);
    let numbers = numbers();
    let bucket = |number: &f64| BOUNDS.partition_point(|bound| bound < number);
    let bucket = |number| u8::try_from(bucket(number)).expect("one of 15");
    let buckets: Vec<u8> = numbers.iter().map(bucket).collect();
    for threads in THREADS {
        let group: &mut Group<'_> = &mut group;
        concurrent(group, "our `inc`", threads, |n| repeat(n, || counter.inc()));
        // Counts the same numbers. Their buckets are computed before, and there is no sum.
        concurrent(group, "our `inc`, of one counter for each bucket", threads, |n| {
            let mut at = 0;
            repeat(n, || {
                counters[usize::from(buckets[at % NUMBERS])].inc();
                at += 1;
            });
        });
        concurrent(group, "ours", threads, |n| repeat(n, || ours.observe(black_box(SAME))));
        concurrent(group, "ours, spread over all buckets", threads, |n| {
            spread(&numbers, n, |number| ours.observe(number));
        });
        concurrent(group, "ours, with native buckets", threads, |n| {
            repeat(n, || with_native.observe(black_box(SAME)));
        });
        concurrent(group, "ours, with native buckets, spread", threads, |n| {
            spread(&numbers, n, |number| with_native.observe(number));
        });
        concurrent(group, "our summary", threads, |n| {
            repeat(n, || summary.observe(black_box(SAME)));
        });
        concurrent(group, "prometheus", threads, |n| repeat(n, || theirs.observe(black_box(SAME))));
        concurrent(group, "prometheus, spread over all buckets", threads, |n| {
            spread(&numbers, n, |number| theirs.observe(number));
        });
        concurrent(group, "prometheus-client", threads, |n| {
            repeat(n, || client.observe(black_box(SAME)));
        });
        concurrent(group, "opentelemetry, bound", threads, |n| {
            repeat(n, || open_telemetry.record(black_box(SAME)));
        });
        concurrent(group, "fast-telemetry", threads, |n| {
            repeat(n, || fast.record(black_box(300)));
        });
        // It keeps every observation until its upkeep, which a scrape causes.
        concurrent(group, "metrics, handle held", threads, |n| {
            for _ in 0..n / 100_000 {
                repeat(100_000, || metrics.record(black_box(SAME)));
                recorder.handle().run_upkeep();
            }
        });
    }
}

const HISTOGRAMS: usize = 1_000;
/// The samples of a histogram: 15 buckets, sum and count.
const SAMPLES: usize = BOUNDS.len() + 3;

/// Measures `encode`, which must return an exposition of all histograms, in a new `String`.
fn measure(group: &mut Group<'_>, name: &str, mut encode: impl FnMut() -> String) {
    let text = encode();
    assert_eq!(samples(&text), HISTOGRAMS * SAMPLES, "{name}: {}", &text[..text.len().min(3_000)]);
    group.bench_function(BenchmarkId::new(name, HISTOGRAMS), |b| b.iter(|| black_box(encode())));
}

/// Encodes counts and sums from one slice and escaped labels by hand. No encoder is faster.
fn by_hand(labels: &[String], bounds: &[String], cells: &[(AtomicU64, AtomicU64)]) -> String {
    let mut out = String::with_capacity(64 * labels.len() * SAMPLES);
    for part in ["# HELP ", NAME, " ", HELP, "\n# TYPE ", NAME, " histogram\n"] {
        out.push_str(part);
    }
    for (labels, cells) in labels.iter().zip(cells.chunks(bounds.len())) {
        let (mut count, mut sum) = (0, 0.0);
        for (bound, (count_of_bucket, sum_of_bucket)) in bounds.iter().zip(cells) {
            count += count_of_bucket.load(Relaxed);
            sum += f64::from_bits(sum_of_bucket.load(Relaxed));
            for part in [NAME, "_bucket{", labels, ",le=\"", bound, "\"} "] {
                out.push_str(part);
            }
            out.push_str(itoa::Buffer::new().format(count));
            out.push('\n');
        }
        for part in [NAME, "_sum{", labels, "} "] {
            out.push_str(part);
        }
        out.push_str(&sum.to_string());
        out.push('\n');
        for part in [NAME, "_count{", labels, "} "] {
            out.push_str(part);
        }
        out.push_str(itoa::Buffer::new().format(count));
        out.push('\n');
    }
    out
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode histograms");
    let numbers = numbers();
    // Each histogram observes 50 numbers.
    let observations = |i: usize| numbers[i..].iter().take(50).copied();

    let labels: Vec<String> = (0..HISTOGRAMS).map(|i| format!("path=\"{}\"", path(i))).collect();
    let mut bounds: Vec<String> = BOUNDS.iter().map(|bound| format!("{bound:?}")).collect();
    bounds.push("+Inf".into());
    let cell = |i| (AtomicU64::new(i), AtomicU64::new((i as f64 / 8.0).to_bits()));
    let cells: Vec<_> = (0..(HISTOGRAMS * bounds.len()) as u64).map(|i| cell(i % 99)).collect();
    measure(&mut group, "limit: written by hand", || by_hand(&labels, &bounds, &cells));

    let ours = Family::<Histogram>::new(NAME, HELP, ["path"]).expect("valid names");
    let registry = Registry::new();
    registry.register(&ours).expect("the first");
    for i in 0..HISTOGRAMS {
        let child = ours.with_labels([path(i)]).expect("room");
        observations(i).for_each(|number| child.observe(number));
    }
    measure(&mut group, "ours", || registry.encode(Format::Text));

    let opts = prometheus::HistogramOpts::new(NAME, HELP).buckets(BOUNDS.to_vec());
    let theirs = prometheus::HistogramVec::new(opts, &["path"]).expect("valid names");
    let registry = prometheus::Registry::new();
    registry.register(Box::new(theirs.clone())).expect("the first");
    for i in 0..HISTOGRAMS {
        let child = theirs.with_label_values(&[path(i)]);
        observations(i).for_each(|number| child.observe(number));
    }
    measure(&mut group, "prometheus", || {
        let encoder = prometheus::TextEncoder::new();
        encoder.encode_to_string(&registry.gather()).expect("valid")
    });

    let theirs = prometheus_client::metrics::family::Family::<
        Vec<(&str, String)>,
        prometheus_client::metrics::histogram::Histogram,
    >::new_with_constructor(|| {
        prometheus_client::metrics::histogram::Histogram::new(BOUNDS)
    });
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register(NAME, HELP, theirs.clone());
    for i in 0..HISTOGRAMS {
        let child = theirs.get_or_create(&vec![("path", path(i))]);
        observations(i).for_each(|number| child.observe(number));
    }
    measure(&mut group, "prometheus-client", || {
        let mut out = String::new();
        prometheus_client::encoding::text::encode(&mut out, &registry).expect("valid");
        out
    });

    let builder = metrics_exporter_prometheus::PrometheusBuilder::new();
    let recorder = builder.set_buckets(&BOUNDS).expect("buckets").build_recorder();
    metrics::with_local_recorder(&recorder, || {
        metrics::describe_histogram!(NAME, HELP);
        for i in 0..HISTOGRAMS {
            let child = metrics::histogram!(NAME, "path" => path(i));
            observations(i).for_each(|number| child.record(number));
        }
    });
    let handle = recorder.handle();
    measure(&mut group, "metrics-exporter-prometheus", || handle.render());
}

criterion_group!(name = benches; config = criterion(); targets = encode, observe);
criterion_main!(benches);
