//! Functions of gauges and collectors that hang, panic or take long, at a scrape endpoint.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dataclay_metrics_core::encode::Format;
use dataclay_metrics_core::exposition::HttpExporter;
use dataclay_metrics_core::{
    Call, Collector, Counter, Desc, Family, Gauge, MetricFamily, Opts, Registry,
};
use dataclay_metrics_tests::{alone, exchange, get, library_threads, wait_for};

/// Makes a registry with a counter at 5.
fn registry() -> Registry {
    let registry = Registry::new();
    let hits = Counter::new("hits", "Hits").expect("valid");
    hits.inc_by(5);
    registry.register(&hits).expect("another name");
    registry
}

/// Starts an endpoint whose thread runs, and so has its name.
fn start(registry: Registry) -> (HttpExporter, String) {
    let exporter = HttpExporter::start(registry, "127.0.0.1", 0).expect("a free port");
    let address = exporter.local_addr().to_string();
    get(&address, "/-/healthy");
    (exporter, address)
}

/// Scrapes like a Prometheus with a timeout of this many seconds. Returns the body and the time.
fn scrape(address: &str, path: &str, timeout: f64) -> (String, Duration) {
    let begin = Instant::now();
    let header = format!("X-Prometheus-Scrape-Timeout-Seconds: {timeout}");
    let answer = exchange(address, &format!("GET {path} HTTP/1.0\r\n{header}\r\n\r\n"));
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(" 200 "), "{head}");
    (body.to_owned(), begin.elapsed())
}

/// The maximum number of concurrent calls of one function of a test.
static AT_ONCE: AtomicU64 = AtomicU64::new(0);

/// Registers a gauge that a function sets to 42 after sleeping for that long.
fn slow_gauge(registry: &Registry, name: &str, sleep: Duration) -> Arc<AtomicU64> {
    let gauge = Gauge::new(name, "").expect("valid");
    let calls = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&calls);
    let running = AtomicU64::new(0);
    gauge.set_function(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let now = running.fetch_add(1, Ordering::Relaxed) + 1;
        AT_ONCE.fetch_max(now, Ordering::Relaxed);
        thread::sleep(sleep);
        running.fetch_sub(1, Ordering::Relaxed);
        Some(42.0)
    });
    registry.register(&gauge).expect("another name");
    calls
}

#[test]
fn a_function_that_hangs_or_panics_costs_its_own_sample() {
    let _alone = alone();
    let registry = registry();
    let minute = Duration::from_secs(60);
    let hangs = slow_gauge(&registry, "hangs", minute);
    for (name, value) in
        [("panics", None), ("gives_nothing", Some(None)), ("works", Some(Some(42.0)))]
    {
        let gauge = Gauge::new(name, "").expect("valid");
        gauge.set_function(move || value.expect("expected by the test"));
        registry.register(&gauge).expect("another name");
    }
    registry.register(&dataclay_metrics_core::health::Health).expect("another name");
    let exporter = HttpExporter::start(registry, "127.0.0.1", 0).expect("a free port");
    let address = exporter.local_addr().to_string();
    let failures = || {
        let page = get(&address, "/metrics?name[]=dataclay_metrics_callback_failures_total");
        let value = page.lines().last().and_then(|line| line.rsplit_once(' '));
        value.and_then(|(_, value)| value.parse::<u64>().ok()).expect("a number")
    };
    let before = failures();
    for round in 0..3 {
        // Only the first waits, until its deadline.
        let (page, took) = scrape(&address, "/metrics", 3.0);
        let has_waited = took > Duration::from_secs(2);
        assert_eq!(has_waited, round == 0, "{round}: {took:?}");
        assert!(page.contains("\nworks 42\n") && page.contains("\nhits_total 5\n"));
        for name in ["hangs", "panics", "gives_nothing"] {
            assert!(!page.contains(&format!("\n{name} ")), "{page}");
        }
    }
    assert_eq!(failures() - before, 9);
    assert_eq!(hangs.load(Ordering::Relaxed), 1);
    let begin = Instant::now();
    assert!(exporter.stop());
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_function_that_reads_its_own_registry_ends() {
    let _alone = alone();
    let registry = registry();
    for name in ["one", "other"] {
        let (gauge, all) = (Gauge::new(name, "").expect("valid"), registry.clone());
        gauge
            .set_function(move || Some(all.encode(Format::Text).matches("# TYPE ").count() as f64));
        registry.register(&gauge).expect("another name");
    }
    // The counter, and the function that is not running.
    let expected = "\none 2\n";
    assert!(registry.encode(Format::Text).contains(expected));
    let (_exporter, address) = start(registry);
    let page = get(&address, "/metrics");
    assert!(page.contains(expected) && page.contains("\nother 2\n"), "{page}");
}

/// A collector of an application that asks a slow system.
#[derive(Clone)]
struct Slow(Gauge, Duration);

impl Collector for Slow {
    fn describe(&self) -> Vec<Desc> {
        self.0.describe()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        thread::sleep(self.1);
        self.0.collect()
    }

    fn id(&self) -> usize {
        Collector::id(&self.0)
    }
}

#[test]
fn functions_that_take_long_keep_nobody_waiting() {
    let _alone = alone();
    let (two, three) = (Duration::from_secs(2), Duration::from_secs(3));
    let registry = registry();
    let remote = Slow(Gauge::new("remote", "").expect("valid"), three);
    registry.register(&remote).expect("another name");
    let calls = slow_gauge(&registry, "slow", two);
    let exporter = HttpExporter::start(registry.clone(), "127.0.0.1", 0).expect("a free port");
    let other = HttpExporter::start(registry, "127.0.0.1", 0).expect("a free port");
    let address = exporter.local_addr().to_string();
    thread::scope(|scope| {
        let slow: Vec<_> = [&exporter, &other, &exporter]
            .map(|exporter| exporter.local_addr().to_string())
            .map(|address| scope.spawn(move || scrape(&address, "/metrics", 30.0)))
            .into();
        thread::sleep(Duration::from_millis(300));
        for _ in 0..10 {
            for path in ["/-/healthy", "/metrics?name[]=hits_total"] {
                let begin = Instant::now();
                get(&address, path);
                let took = begin.elapsed();
                assert!(took < two / 2, "{path}: {took:?}");
            }
        }
        // A client that does not wait as long loses what it does not wait for.
        let (page, took) = scrape(&address, "/metrics", 1.0);
        assert!(page.contains("hits_total 5") && !page.contains("remote"), "{page}");
        assert!(took < two, "{took:?}");
        for scrape in slow {
            let (page, took) = scrape.join().expect("answered");
            assert!(page.contains("\nremote 0\n") && page.contains("\nslow 42\n"), "{page}");
            assert!(took < 3 * three, "{took:?}");
        }
    });
    assert!(calls.load(Ordering::Relaxed) <= 3, "{calls:?}");
    // A stop responds to the waiting scrapes with the values that it has.
    let begin = Instant::now();
    let (stopped, page) = thread::scope(|scope| {
        let scrape = scope.spawn(|| scrape(&address, "/metrics", 30.0));
        thread::sleep(Duration::from_millis(200));
        (exporter.stop(), scrape.join().expect("answered").0)
    });
    assert!(stopped && begin.elapsed() < two, "{:?}", begin.elapsed());
    assert!(page.contains("hits_total 5\n") && !page.contains("remote"), "{page}");
}

/// A collector that claims to need no other thread. It counts its reads, and panics in the first.
#[derive(Clone)]
struct OnThread {
    gauge: Gauge,
    sleep: Duration,
    panics: u64,
    began: Arc<AtomicU64>,
    reads: Arc<AtomicU64>,
}

impl OnThread {
    fn new(sleep: Duration, panics: u64) -> OnThread {
        let gauge = Gauge::new("on_thread", "").expect("valid");
        OnThread { gauge, sleep, panics, began: Arc::default(), reads: Arc::default() }
    }
}

impl Collector for OnThread {
    fn describe(&self) -> Vec<Desc> {
        self.gauge.describe()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.began.fetch_add(1, Ordering::Relaxed);
        thread::sleep(self.sleep);
        let read = self.reads.fetch_add(1, Ordering::Relaxed);
        assert!(read >= self.panics, "a panic that the test expects");
        self.gauge.collect()
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(Vec::new())
    }

    fn id(&self) -> usize {
        Collector::id(&self.gauge)
    }
}

#[test]
fn a_panic_of_the_thread_costs_its_request_and_shows_in_health() {
    let _alone = alone();
    let registry = registry();
    registry.register(&OnThread::new(Duration::ZERO, 2)).expect("another name");
    registry.register(&dataclay_metrics_core::health::Health).expect("another name");
    let exporter = HttpExporter::start(registry, "127.0.0.1", 0).expect("a free port");
    let address = exporter.local_addr().to_string();
    for _ in 0..2 {
        let mut peer = TcpStream::connect(&address).expect("accepted");
        peer.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").expect("sent");
        assert_eq!(peer.read_to_end(&mut Vec::new()).expect("closed"), 0);
    }
    let page = get(&address, "/metrics");
    assert!(page.contains("\non_thread 0\n"), "{page}");
    assert!(page.contains("\ndataclay_metrics_exporter_panics_total 2\n"), "{page}");
    assert!(exporter.stop());
}

#[test]
fn large_responses_keep_nobody_waiting_and_share_a_body() {
    let _alone = alone();
    let registry = registry();
    let slow = OnThread::new(Duration::from_secs(1), 0);
    registry.register(&slow).expect("another name");
    let large = Family::<Counter>::with_opts(Opts::new("large", "").max_children(30_000), ["at"]);
    let large = large.expect("valid");
    for at in 0..30_000 {
        large.with_labels([at.to_string()]).expect("room").inc();
    }
    registry.register(&large).expect("another name");
    let exporter = HttpExporter::start(registry, "127.0.0.1", 0).expect("a free port");
    let address = exporter.local_addr().to_string();
    thread::scope(|scope| {
        let scrapes: Vec<_> =
            (0..16).map(|_| scope.spawn(|| scrape(&address, "/metrics", 30.0).0)).collect();
        wait_for("the first reading", || slow.began.load(Ordering::Relaxed) == 1);
        get(&address, "/-/healthy");
        assert!(get(&address, "/metrics?name[]=hits_total").ends_with("hits_total 5\n"));
        assert_eq!(slow.reads.load(Ordering::Relaxed), 0, "small requests waited for a large one");
        for scrape in scrapes {
            let page = scrape.join().expect("answered");
            assert_eq!(page.matches("\nlarge_total{").count(), 30_000);
            assert!(page.contains("\non_thread 0\n"));
        }
    });
    // One for the first, one for those that came meanwhile. On a busy machine some come late.
    assert!(slow.reads.load(Ordering::Relaxed) <= 4, "{:?} readings for 16 scrapes", slow.reads);
}

#[test]
fn many_moderately_slow_functions_are_all_exposed() {
    let _alone = alone();
    let registry = registry();
    let calls: Vec<_> = (0..40)
        .map(|at| slow_gauge(&registry, &format!("slow_{at}"), Duration::from_millis(25)))
        .collect();
    let (exporter, address) = start(registry);
    let threads = library_threads();
    let mut most = 4;
    for round in 1..=2 {
        let (page, took) = scrape(&address, "/metrics", 10.0);
        assert_eq!(page.matches(" 42\n").count(), 40, "{page}");
        assert!(took < Duration::from_secs(8), "{took:?}");
        assert!(calls.iter().all(|calls| calls.load(Ordering::Relaxed) == round));
        // Another thread takes the place of one whose call takes half a second. On a busy machine
        // some do; in a round that is faster, none.
        most = if took < Duration::from_millis(500) { most } else { 8 };
        assert!(library_threads() <= threads + most, "{} threads", library_threads() - threads);
    }
    assert!(exporter.stop());
    wait_for("the end of the threads", || library_threads() < threads);
}

#[test]
fn a_flood_of_scrapes_calls_a_function_once_at_a_time() {
    let _alone = alone();
    let registry = registry();
    let calls = slow_gauge(&registry, "slow", Duration::from_millis(200));
    let (_exporter, address) = start(registry);
    let threads = library_threads();
    let begin = Instant::now();
    thread::scope(|scope| {
        let scrapes: Vec<_> = (0..64)
            .map(|at| {
                let address = &address;
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(at * 10));
                    scrape(address, "/metrics", 10.0)
                })
            })
            .collect();
        for scrape in scrapes {
            let (page, took) = scrape.join().expect("answered");
            assert!(page.contains("\nslow 42\n"), "{page}");
            assert!(took < Duration::from_secs(8), "{took:?}");
        }
    });
    let most = begin.elapsed().as_millis() / 200 + 1;
    assert!(u128::from(calls.load(Ordering::Relaxed)) <= most, "{calls:?} calls, {most} fit");
    assert_eq!(AT_ONCE.load(Ordering::Relaxed), 1, "calls at once");
    // A thread is still busy just after its call has returned. A new call then starts another.
    assert!(library_threads() <= threads + 2, "{} threads", library_threads() - threads);
}
