//! Servers, clients and fixtures that several tests use.

pub mod fixtures;
pub mod measure;
#[cfg(target_os = "linux")]
pub mod processes;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The longest time to wait for a server, a response or a condition. A busy machine needs much of
/// it.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The timeout of a stop that must make its last push. A busy machine needs some of it.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Waits for `condition`, which `what` names.
///
/// # Panics
///
/// If the condition is not true within a minute.
pub fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + TIMEOUT;
    while !condition() {
        assert!(Instant::now() < deadline, "timeout while waiting for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Returns how long a stress test runs: `STRESS_SECONDS`, by default one second.
///
/// # Panics
///
/// If the variable is not a whole number.
pub fn stress_time() -> Duration {
    let set = std::env::var("STRESS_SECONDS").ok();
    let seconds = set.map_or(1, |set| set.parse().expect("STRESS_SECONDS: a whole number"));
    Duration::from_secs(seconds)
}

/// Reports that `test` cannot run on this system, in the words of the test harness, which cannot
/// skip a test that has started. `tests/report.py` lists the reason.
pub fn report_skipped(test: &str, reason: &str) {
    // The harness would capture what `println` writes. Without stderr nobody can be informed.
    let _ = writeln!(std::io::stderr(), "\ntest {test} ... ignored, {reason}");
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

/// Sends `request` unchanged, and returns all that the peer sends until it closes the connection.
///
/// # Panics
///
/// If the connection fails, or if nothing arrives for a minute.
pub fn exchange(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("a response and the end of the connection");
    response
}

/// Sends a GET and returns the body.
///
/// # Panics
///
/// If the status is not 200.
pub fn get(address: &str, path: &str) -> String {
    let response = exchange(address, &format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n"));
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(" 200 "), "GET {path}: {head}");
    body.to_owned()
}

/// A real Pushgateway on a loopback port. Dropping it ends its process.
#[derive(Debug)]
pub struct Pushgateway {
    process: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

impl Pushgateway {
    /// Starts an empty Pushgateway.
    ///
    /// # Panics
    ///
    /// If `prometheus-pushgateway` is not on the PATH or does not start.
    pub fn start() -> Pushgateway {
        Pushgateway::start_on(free_port())
    }

    /// Starts an empty Pushgateway on this port.
    ///
    /// # Panics
    ///
    /// As [`Pushgateway::start`].
    pub fn start_on(port: u16) -> Pushgateway {
        Pushgateway::start_with(port, &[])
    }

    /// Starts an empty Pushgateway on this port, with further arguments.
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
            .expect("prometheus-pushgateway on the PATH: `make test` installs it");
        wait_for("the Pushgateway", || TcpStream::connect(&address).is_ok());
        Pushgateway { process, address }
    }

    /// Returns the port that it listens on.
    ///
    /// # Panics
    ///
    /// If its address has no port.
    pub fn port(&self) -> u16 {
        let (_, port) = self.address.split_once(':').expect("host:port");
        port.parse().expect("a port")
    }

    /// Returns the metrics of all groups, in the text format.
    pub fn metrics(&self) -> String {
        get(&self.address, "/metrics")
    }

    /// Returns the value of the first sample whose line begins with `name` and contains `label`.
    pub fn sample(&self, name: &str, label: &str) -> Option<f64> {
        let metrics = self.metrics();
        let line = metrics.lines().find(|line| line.starts_with(name) && line.contains(label))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }
}

impl Drop for Pushgateway {
    fn drop(&mut self) {
        // An error means that the process has already ended.
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
