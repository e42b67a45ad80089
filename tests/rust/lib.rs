//! Real servers and small clients, for the tests that need them.

#[cfg(unix)]
pub mod processes;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a server may take to come up, and a condition to come true.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for `condition`, and panics if it stays false.
///
/// # Panics
///
/// If the condition is not true within 20 seconds.
pub fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Returns a lock that a test holds which counts descriptors or threads of the process.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts the threads of this library, by their names: the harness starts threads of other tests.
/// A thread takes its name when it first runs, so one that has just been started does not count.
///
/// # Panics
///
/// If `/proc` cannot be read.
pub fn library_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").expect("proc");
    // A thread that ends meanwhile has no name.
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    tasks.filter_map(name).filter(|name| name.starts_with("dcm-")).count()
}

/// Returns a loopback port that was free a moment ago.
///
/// # Panics
///
/// If the system has none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Sends `request` as it is, and returns all that the peer sends until it closes.
///
/// # Panics
///
/// If the connection fails or is still open after 20 seconds.
pub fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer, and its end");
    answer
}

/// Sends a GET and returns the body.
///
/// # Panics
///
/// If the status is not 200.
pub fn get(address: &str, path: &str) -> String {
    let answer = exchange(address, &format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n"));
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(" 200 "), "GET {path}: {head}");
    body.to_owned()
}

/// A real Pushgateway on a loopback port. Dropping it ends it.
#[derive(Debug)]
pub struct Pushgateway {
    process: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

impl Pushgateway {
    /// Starts a Pushgateway that is empty.
    ///
    /// # Panics
    ///
    /// If `prometheus-pushgateway` is not on the PATH or does not come up.
    pub fn start() -> Pushgateway {
        Pushgateway::start_on(free_port())
    }

    /// Starts a Pushgateway that is empty, on this port.
    ///
    /// # Panics
    ///
    /// As [`Pushgateway::start`].
    pub fn start_on(port: u16) -> Pushgateway {
        Pushgateway::start_with(port, &[])
    }

    /// Starts a Pushgateway that is empty, on this port and with further arguments.
    ///
    /// # Panics
    ///
    /// As [`Pushgateway::start`].
    pub fn start_with(port: u16, arguments: &[&str]) -> Pushgateway {
        let address = format!("127.0.0.1:{port}");
        let process = Command::new("prometheus-pushgateway")
            .args([&format!("--web.listen-address={address}"), "--persistence.file="])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus-pushgateway on the PATH: `make test` puts it there");
        wait_for("the Pushgateway", || TcpStream::connect(&address).is_ok());
        Pushgateway { process, address }
    }

    /// Returns the metrics that it holds, in the text format.
    pub fn metrics(&self) -> String {
        get(&self.address, "/metrics")
    }

    /// Returns the value of the sample whose line begins with `name` and holds `label`.
    pub fn sample(&self, name: &str, label: &str) -> Option<f64> {
        let metrics = self.metrics();
        let line = metrics.lines().find(|line| line.starts_with(name) && line.contains(label))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }
}

impl Drop for Pushgateway {
    fn drop(&mut self) {
        // An error means that it has ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The Rust examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The examples of the Rust guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/rust.md")]
struct RustGuide;
