//! Failures around a scrape endpoint: silent, slow, stopped and hostile peers, and functions that
//! hang.
#![cfg(target_os = "linux")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::panic::{catch_unwind, resume_unwind};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use dataclay_metrics_core::encode::Format;
use dataclay_metrics_core::exposition::HttpExporter;
use dataclay_metrics_core::{
    Call, Collector, Counter, Desc, Family, Gauge, MetricFamily, Opts, Registry,
};
use dataclay_metrics_tests::{exchange, get, wait_for};

/// Makes tests that count descriptors and threads of the process run one by one.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts the descriptors of this process.
fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("proc").count()
}

/// Counts the threads of this library, by their names: the harness starts threads of other tests.
/// A thread takes its name when it first runs, so one that has just been started does not count.
fn library_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("proc");
    // A thread that ends meanwhile has no name.
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    tasks.filter_map(name).filter(|name| name.starts_with("dcm-")).count()
}

/// Makes a registry with a counter at 5, and with `more` counters of long help texts.
fn registry(more: usize) -> Registry {
    let registry = Registry::new();
    let help = "Help ".repeat(4_000);
    for at in 0..more {
        let counter = Counter::new(&format!("long_{at}"), &help).expect("valid");
        registry.register(&counter).expect("another name");
    }
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

fn serve(more: usize) -> (HttpExporter, String) {
    start(registry(more))
}

/// Returns how long a scrape takes.
fn scraped(address: &str) -> Duration {
    let begin = Instant::now();
    assert!(get(address, "/metrics?name[]=hits_total").ends_with("hits_total 5\n"));
    begin.elapsed()
}

/// Asserts that honest peers are served in under half a second.
///
/// A busy machine may need longer. Then a scrape takes ten times at most what it takes at the same
/// time at `quiet`, an endpoint that is not attacked. A scrape that waits for the deadlines of
/// hostile peers would take seconds. `benches/python/attacked.py` measures the milliseconds.
fn assert_serves(address: &str, quiet: &str) {
    let (mut attacked, mut beside): (Vec<Duration>, Vec<Duration>) =
        (0..50).map(|_| (scraped(address), scraped(quiet))).unzip();
    attacked.sort();
    beside.sort();
    let bound = Duration::from_millis(500).max(beside[25] * 10);
    assert!(attacked[25] < bound, "{:?}, {:?} at a quiet endpoint", attacked[25], beside[25]);
}

/// Asserts the same while `attack` runs without a pause.
fn assert_serves_under(address: &str, quiet: &str, attack: impl Fn() + Sync) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                attack();
            }
        });
        // Caught, so that the attack ends as well.
        let served = catch_unwind(|| assert_serves(address, quiet));
        over.store(true, Ordering::Relaxed);
        served.unwrap_or_else(|panic| resume_unwind(panic));
    });
}

#[test]
fn half_open_and_dripping_connections_are_bounded_and_end() {
    let _alone = alone();
    let (_exporter, address) = serve(0);
    let (_quiet, quiet) = serve(0);
    let (descriptors, threads) = (open_descriptors(), library_threads());
    let begin = Instant::now();
    // A connection counts twice here, for both ends are in this process. The endpoint holds 256.
    let peers: Vec<TcpStream> =
        (0..500).map(|_| TcpStream::connect(&address).expect("accepted")).collect();
    assert_serves_under(&address, &quiet, || {
        // Within their limit of 32 KiB. An error is the end of a connection that made room.
        for mut peer in &peers {
            let _ = peer.write_all(b"G");
        }
        thread::sleep(Duration::from_millis(5));
    });
    wait_for("the oldest to make room", || open_descriptors() <= descriptors + 500 + 256);
    // The thread of the attack may be listed for a moment after it has ended.
    wait_for("no thread for any of them", || library_threads() <= threads);
    // The last peers send a byte from time to time, and are still ended after ten seconds.
    wait_for("the end of all of them", || {
        for peer in peers.iter().rev().take(20) {
            // An error is the end that this waits for.
            let _ = (&*peer).write_all(b"G");
        }
        thread::sleep(Duration::from_millis(50));
        open_descriptors() <= descriptors + 500
    });
    assert!(begin.elapsed() > Duration::from_secs(9), "ended before the deadline");
    drop(peers);
    wait_for("all descriptors", || open_descriptors() <= descriptors);
    assert_serves(&address, &quiet);
}

#[test]
fn stopped_peers_delay_nobody_and_are_disconnected() {
    let _alone = alone();
    let (_exporter, address) = serve(300);
    let (_quiet, quiet) = serve(0);
    let (host, port) = address.split_once(':').expect("host:port");
    let script = format!(
        "exec 3<>/dev/tcp/{host}/{port}; printf 'GET /metrics HTTP/1.1\\r\\n\\r\\n' >&3; \
         echo sent; kill -STOP $$"
    );
    let descriptors = open_descriptors();
    let mut peers: Vec<_> = (0..10)
        .map(|_| {
            let mut bash = Command::new("bash");
            bash.args(["-c", &script]).stdout(Stdio::piped()).spawn().expect("bash")
        })
        .collect();
    for peer in &mut peers {
        let mut sent = [0; 5];
        peer.stdout.as_mut().expect("piped").read_exact(&mut sent).expect("connected");
    }
    assert_serves(&address, &quiet);
    // The pipes of the peers are descriptors of this process.
    wait_for("the deadline of the stopped", || open_descriptors() <= descriptors + 10);
    assert_serves(&address, &quiet);
    for mut peer in peers {
        peer.kill().expect("still there, stopped");
        peer.wait().expect("ended");
    }
}

#[test]
fn peers_that_send_without_end_keep_nobody_out() {
    let _alone = alone();
    let (exporter, address) = serve(0);
    let (_quiet, quiet) = serve(0);
    let over = AtomicBool::new(false);
    let flood = |request: &[u8]| {
        while !over.load(Ordering::Relaxed) {
            let Ok(mut peer) = TcpStream::connect(&address) else { continue };
            peer.set_write_timeout(Some(Duration::from_millis(100))).expect("a timeout");
            let mut sent = peer.write_all(request).is_ok();
            // An error means that the endpoint has closed the connection.
            while sent && !over.load(Ordering::Relaxed) {
                sent = match peer.write_all(&[b'x'; 16384]) {
                    Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
                    Ok(()) => true,
                };
            }
        }
    };
    let requests: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nX: ",
        b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ];
    thread::scope(|scope| {
        for request in requests.iter().cycle().take(16) {
            scope.spawn(|| flood(request));
        }
        thread::sleep(Duration::from_millis(200));
        let served = catch_unwind(|| assert_serves(&address, &quiet));
        // The thread hears its end between two reads.
        let begin = Instant::now();
        let stopped = exporter.stop();
        over.store(true, Ordering::Relaxed);
        served.unwrap_or_else(|panic| resume_unwind(panic));
        assert!(stopped && begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    });
}

/// Returns the resident memory of this process in bytes.
fn memory() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("proc");
    statm.split(' ').nth(1).expect("resident").parse::<usize>().expect("a number") * 4096
}

#[test]
fn slow_readers_do_not_hold_an_exposition_each() {
    let _alone = alone();
    let (_exporter, address) = serve(300);
    let size = get(&address, "/metrics").len();
    assert!(size > 5_000_000, "{size}");
    let before = memory();
    let peers: Vec<TcpStream> = (0..80)
        .map(|_| {
            let mut peer = TcpStream::connect(&address).expect("accepted");
            peer.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").expect("sent");
            // Now and then a turn of the endpoint passes, so that not all share one body.
            thread::sleep(Duration::from_millis(2));
            peer
        })
        .collect();
    let page = get(&address, "/metrics");
    assert_eq!(page.len(), size);
    let grown = memory().saturating_sub(before);
    assert!(grown < 32 * size, "{} expositions", grown / size);
    drop(peers);
    assert_eq!(get(&address, "/metrics").len(), size);
}

#[test]
fn garbage_resets_and_bodies_leave_the_endpoint_alone() {
    let _alone = alone();
    let (_exporter, address) = serve(0);
    let (_quiet, quiet) = serve(0);
    let rounds = AtomicU64::new(0);
    let attack = || {
        let round = rounds.fetch_add(1, Ordering::Relaxed);
        let mut peer = TcpStream::connect(&address).expect("accepted");
        let mut random = 0x9E37_79B9_7F4A_7C15_u64 ^ round;
        let mut bytes: Vec<u8> = (0..round % 300 * 40)
            .map(|_| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random.to_le_bytes()[0]
            })
            .collect();
        if round % 3 == 0 {
            bytes.splice(0..0, *b"GET /metrics HTTP/1.1\r\nX: ");
        }
        // An error means that it was refused before all was sent.
        let _ = peer.write_all(&bytes);
        if round % 2 == 0 {
            let _ = peer.shutdown(Shutdown::Write);
            let _ = peer.read_to_end(&mut Vec::new());
        }
        // The other connections are reset, because they hold unread bytes.
    };
    assert_serves_under(&address, &quiet, attack);
    while rounds.load(Ordering::Relaxed) < 300 {
        attack();
    }
    for request in [
        "GET /metrics HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nbody",
        "GET /metrics HTTP/1.1\r\nContent-Length: four\r\n\r\nbody",
        "GET /metrics HTTP/9.9\r\n\r\n",
    ] {
        assert!(exchange(&address, request).starts_with("HTTP/1.1 400 "), "{request:?}");
    }
    assert_serves(&address, &quiet);
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

/// The most calls of one function of a test at a time.
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
    let registry = registry(0);
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
    let registry = registry(0);
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
    let registry = registry(0);
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
    // A stop responds to the waiting scrapes with the values at hand.
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

    fn functions(&self, _: &mut dyn FnMut(Arc<dyn Call>)) -> bool {
        true
    }

    fn id(&self) -> usize {
        Collector::id(&self.gauge)
    }
}

#[test]
fn a_panic_of_the_thread_costs_its_request_and_shows_in_health() {
    let _alone = alone();
    let registry = registry(0);
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
fn large_replies_keep_nobody_waiting_and_share_a_body() {
    let _alone = alone();
    let registry = registry(0);
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
        scraped(&address);
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
    let registry = registry(0);
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
    let registry = registry(0);
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
