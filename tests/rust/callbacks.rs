//! Callbacks and collectors that hang, panic or take long, at a scrape endpoint.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use dataclay_metrics_core::encode::Format;
use dataclay_metrics_core::health::Health;
use dataclay_metrics_core::{
    Call, Collector, Counter, Desc, Family, Gauge, MetricFamily, Opts, Registry,
};
use dataclay_metrics_tests::fixtures::{registry_with_hits, serve};
use dataclay_metrics_tests::measure::{alone, library_threads};
use dataclay_metrics_tests::{exchange, get, wait_for};

/// Scrapes as Prometheus does, with a timeout in seconds. Returns the body and the time that it
/// took.
fn scrape(address: &str, path: &str, timeout: f64) -> (String, Duration) {
    let begin = Instant::now();
    let header = format!("X-Prometheus-Scrape-Timeout-Seconds: {timeout}");
    let response = exchange(address, &format!("GET {path} HTTP/1.0\r\n{header}\r\n\r\n"));
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(" 200 "), "{head}");
    (body.to_owned(), begin.elapsed())
}

/// The maximum number of concurrent calls of one callback.
static CONCURRENT_CALLS: AtomicU64 = AtomicU64::new(0);

/// Registers a gauge whose callback sleeps for this time and returns 42. Returns the number of
/// calls.
fn slow_gauge(registry: &Registry, name: &str, sleep: Duration) -> Arc<AtomicU64> {
    let gauge = Gauge::new(name, "").expect("valid");
    let calls = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&calls);
    let running = AtomicU64::new(0);
    gauge.set_function(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let now = running.fetch_add(1, Ordering::Relaxed) + 1;
        CONCURRENT_CALLS.fetch_max(now, Ordering::Relaxed);
        thread::sleep(sleep);
        running.fetch_sub(1, Ordering::Relaxed);
        Some(42.0)
    });
    registry.register(&gauge).expect("a new name");
    calls
}

#[test]
fn a_callback_that_hangs_or_panics_loses_only_its_sample() {
    let _alone = alone();
    let (registry, _) = registry_with_hits(5);
    let hangs = slow_gauge(&registry, "hangs", Duration::from_secs(60));
    for (name, value) in
        [("panics", None), ("returns_none", Some(None)), ("works", Some(Some(42.0)))]
    {
        let gauge = Gauge::new(name, "").expect("valid");
        gauge.set_function(move || value.expect("a panic that the test expects"));
        registry.register(&gauge).expect("a new name");
    }
    registry.register(&Health).expect("a new name");
    let (exporter, address) = serve(registry);
    let failures = || {
        let page = get(&address, "/metrics?name[]=dataclay_metrics_callback_failures_total");
        let value = page.lines().last().and_then(|line| line.rsplit_once(' '));
        value.and_then(|(_, value)| value.parse::<u64>().ok()).expect("a number")
    };
    let before = failures();
    for round in 0..3 {
        // Only the first scrape waits for the callback, until its deadline.
        let (page, took) = scrape(&address, "/metrics", 6.0);
        let has_waited = took > Duration::from_secs(4);
        assert_eq!(has_waited, round == 0, "{round}: {took:?}");
        assert!(page.contains("\nworks 42\n") && page.contains("\nhits_total 5\n"));
        for name in ["hangs", "panics", "returns_none"] {
            assert!(!page.contains(&format!("\n{name} ")), "{page}");
        }
    }
    assert_eq!(failures() - before, 9);
    assert_eq!(hangs.load(Ordering::Relaxed), 1);
    assert!(exporter.stop(), "the thread has not ended in time");
}

#[test]
fn a_callback_may_read_its_registry() {
    let _alone = alone();
    let (registry, _) = registry_with_hits(5);
    for name in ["one", "other"] {
        let (gauge, all) = (Gauge::new(name, "").expect("valid"), registry.clone());
        gauge
            .set_function(move || Some(all.encode(Format::Text).matches("# TYPE ").count() as f64));
        registry.register(&gauge).expect("a new name");
    }
    // A callback sees the counter and the other gauge, because its own call is running.
    let expected = "\none 2\n";
    assert!(registry.encode(Format::Text).contains(expected));
    let (_exporter, address) = serve(registry);
    let page = get(&address, "/metrics");
    assert!(page.contains(expected) && page.contains("\nother 2\n"), "{page}");
}

/// Blocks callbacks and collectors until a test opens it.
#[derive(Default)]
struct Latch {
    is_open: Mutex<bool>,
    opened: Condvar,
}

impl Latch {
    fn wait(&self) {
        let is_open = self.is_open.lock().expect("no panic");
        drop(self.opened.wait_while(is_open, |is_open| !*is_open).expect("no panic"));
    }

    fn open(&self) {
        *self.is_open.lock().expect("no panic") = true;
        self.opened.notify_all();
    }
}

/// Opens a latch when it is dropped, even by a check that fails. Otherwise the test never ends.
#[derive(Default)]
struct OpenOnDrop(Arc<Latch>);

impl Drop for OpenOnDrop {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// A collector of the application that waits for a slow system.
#[derive(Clone)]
struct Blocking {
    gauge: Gauge,
    latch: Arc<Latch>,
    began: Arc<AtomicU64>,
}

impl Blocking {
    fn new(name: &str, latch: &OpenOnDrop) -> Blocking {
        let gauge = Gauge::new(name, "").expect("valid");
        Blocking { gauge, latch: Arc::clone(&latch.0), began: Arc::default() }
    }

    fn began(&self) -> u64 {
        self.began.load(Ordering::SeqCst)
    }
}

impl Collector for Blocking {
    fn describe(&self) -> Vec<Desc> {
        self.gauge.describe()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.began.fetch_add(1, Ordering::SeqCst);
        self.latch.wait();
        self.gauge.collect()
    }

    fn id(&self) -> usize {
        Collector::id(&self.gauge)
    }
}

#[test]
fn slow_callbacks_delay_no_other_request() {
    let _alone = alone();
    let (registry, _) = registry_with_hits(5);
    let latch = OpenOnDrop::default();
    let remote = Blocking::new("remote", &latch);
    registry.register(&remote).expect("a new name");
    let slow = Gauge::new("slow", "").expect("valid");
    let calls = Arc::<AtomicU64>::default();
    let (counted, blocked) = (Arc::clone(&calls), Arc::clone(&latch.0));
    slow.set_function(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        blocked.wait();
        Some(42.0)
    });
    registry.register(&slow).expect("a new name");
    let (_exporter, address) = serve(registry.clone());
    let (_other, other_address) = serve(registry);
    thread::scope(|scope| {
        let waiting: Vec<_> = [&address, &other_address, &address]
            .map(|address| scope.spawn(|| scrape(address, "/metrics", 50.0).0))
            .into();
        wait_for("the calls", || remote.began() > 0 && calls.load(Ordering::SeqCst) > 0);
        for _ in 0..10 {
            for path in ["/-/healthy", "/metrics?name[]=hits_total"] {
                get(&address, path);
            }
        }
        // A scrape with a shorter timeout omits the metrics that are not read in time.
        let (page, took) = scrape(&address, "/metrics", 1.0);
        assert!(page.contains("hits_total 5") && !page.contains("remote"), "{page}");
        assert!(took < Duration::from_secs(25), "{took:?}");
        assert!(waiting.iter().all(|scrape| !scrape.is_finished()), "a scrape did not wait");
        latch.0.open();
        for scrape in waiting {
            let page = scrape.join().expect("a response");
            assert!(page.contains("\nremote 0\n") && page.contains("\nslow 42\n"), "{page}");
        }
    });
    assert!(calls.load(Ordering::SeqCst) <= 3, "{calls:?}");
}

#[test]
fn a_stop_responds_to_waiting_scrapes_with_the_values_that_are_read() {
    let _alone = alone();
    let (registry, _) = registry_with_hits(5);
    let latch = OpenOnDrop::default();
    let remote = Blocking::new("remote", &latch);
    registry.register(&remote).expect("a new name");
    let (exporter, address) = serve(registry);
    let (stopped, page) = thread::scope(|scope| {
        let waiting = scope.spawn(|| scrape(&address, "/metrics", 50.0).0);
        wait_for("the call", || remote.began() > 0);
        (exporter.stop(), waiting.join().expect("a response"))
    });
    assert!(stopped, "the thread has not ended in time");
    assert!(page.contains("hits_total 5\n") && !page.contains("remote"), "{page}");
}

/// A collector that the endpoint reads without a thread for callbacks, because it names none. It
/// counts its reads, and panics in the first ones.
#[derive(Clone)]
struct WithoutCallbacks {
    blocking: Blocking,
    panics: u64,
}

impl WithoutCallbacks {
    fn new(latch: &OpenOnDrop, panics: u64) -> WithoutCallbacks {
        WithoutCallbacks { blocking: Blocking::new("without_callbacks", latch), panics }
    }
}

impl Collector for WithoutCallbacks {
    fn describe(&self) -> Vec<Desc> {
        self.blocking.describe()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let families = self.blocking.collect();
        assert!(self.blocking.began() > self.panics, "a panic that the test expects");
        families
    }

    fn functions(&self) -> Option<Vec<Arc<dyn Call>>> {
        Some(Vec::new())
    }

    fn id(&self) -> usize {
        self.blocking.id()
    }
}

#[test]
fn a_panic_of_the_endpoint_loses_only_its_request_and_is_counted() {
    let _alone = alone();
    let (registry, _) = registry_with_hits(5);
    let latch = OpenOnDrop::default();
    latch.0.open();
    registry.register(&WithoutCallbacks::new(&latch, 2)).expect("a new name");
    registry.register(&Health).expect("a new name");
    let (exporter, address) = serve(registry);
    for _ in 0..2 {
        let mut peer = TcpStream::connect(&address).expect("accepted");
        peer.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").expect("sent");
        assert_eq!(peer.read_to_end(&mut Vec::new()).expect("closed"), 0);
    }
    let page = get(&address, "/metrics");
    assert!(page.contains("\nwithout_callbacks 0\n"), "{page}");
    assert!(page.contains("\ndataclay_metrics_exporter_panics_total 2\n"), "{page}");
    assert!(exporter.stop());
}

#[test]
fn large_responses_delay_no_small_one_and_share_a_body() {
    let _alone = alone();
    let (registry, _) = registry_with_hits(5);
    let latch = OpenOnDrop::default();
    let slow = WithoutCallbacks::new(&latch, 0);
    registry.register(&slow).expect("a new name");
    let large = Family::<Counter>::with_opts(Opts::new("large", "").max_children(30_000), ["at"]);
    let large = large.expect("valid");
    for at in 0..30_000 {
        large.with_labels([at.to_string()]).expect("room").inc();
    }
    registry.register(&large).expect("a new name");
    let (_exporter, address) = serve(registry);
    thread::scope(|scope| {
        let scrapes: Vec<_> =
            (0..16).map(|_| scope.spawn(|| scrape(&address, "/metrics", 50.0).0)).collect();
        wait_for("the first reading", || slow.blocking.began() == 1);
        get(&address, "/-/healthy");
        assert!(get(&address, "/metrics?name[]=hits_total").ends_with("hits_total 5\n"));
        assert!(scrapes.iter().all(|scrape| !scrape.is_finished()), "a scrape did not wait");
        latch.0.open();
        for scrape in scrapes {
            let page = scrape.join().expect("a response");
            assert_eq!(page.matches("\nlarge_total{").count(), 30_000);
            assert!(page.contains("\nwithout_callbacks 0\n"));
        }
    });
    // One reading is for the first scrape, and one for those that arrive meanwhile. On a busy
    // machine, a few arrive later.
    assert!(slow.blocking.began() <= 4, "{} readings for 16 scrapes", slow.blocking.began());
}

#[test]
fn many_slow_callbacks_are_all_exposed() {
    let _alone = alone();
    let (registry, _) = registry_with_hits(5);
    let calls: Vec<_> = (0..40)
        .map(|at| slow_gauge(&registry, &format!("slow_{at}"), Duration::from_millis(25)))
        .collect();
    let (exporter, address) = serve(registry);
    let threads = library_threads();
    let mut most = 4;
    for round in 1..=2 {
        let (page, took) = scrape(&address, "/metrics", 50.0);
        assert_eq!(page.matches(" 42\n").count(), 40, "{page}");
        assert!(calls.iter().all(|calls| calls.load(Ordering::Relaxed) == round));
        // Another thread replaces one whose call takes half a second. Only on a busy machine do
        // calls take so long.
        most = if took < Duration::from_millis(500) { most } else { 8 };
        assert!(library_threads() <= threads + most, "{} threads", library_threads() - threads);
    }
    assert!(exporter.stop());
    wait_for("the end of the threads", || library_threads() < threads);
}

#[test]
fn concurrent_scrapes_call_a_callback_once_at_a_time() {
    let _alone = alone();
    let (registry, _) = registry_with_hits(5);
    let calls = slow_gauge(&registry, "slow", Duration::from_millis(200));
    let (_exporter, address) = serve(registry);
    let threads = library_threads();
    let begin = Instant::now();
    thread::scope(|scope| {
        let scrapes: Vec<_> = (0..64)
            .map(|at| {
                let address = &address;
                scope.spawn(move || {
                    thread::sleep(Duration::from_millis(at * 10));
                    scrape(address, "/metrics", 50.0).0
                })
            })
            .collect();
        for scrape in scrapes {
            let page = scrape.join().expect("a response");
            assert!(page.contains("\nslow 42\n"), "{page}");
        }
    });
    let most = begin.elapsed().as_millis() / 200 + 1;
    assert!(u128::from(calls.load(Ordering::Relaxed)) <= most, "{calls:?} calls, {most} fit");
    assert_eq!(CONCURRENT_CALLS.load(Ordering::Relaxed), 1, "concurrent calls");
    // A thread may be busy for a moment after its call. A new call then starts another thread.
    assert!(library_threads() <= threads + 2, "{} threads", library_threads() - threads);
}
