//! Measures a whole scrape over loopback, from connect to the end of the response. The endpoint of
//! this crate takes turns with nginx, which serves the same bytes from a file.
//!
//! Each server is a separate process, and all servers share one core. The client has another core,
//! if there is one, and opens one connection at a time. It scrapes in short slices that take turns:
//! the endpoint, nginx, a second nginx. Each round yields one ratio of endpoint to nginx, so drift
//! of the machine cancels. The ratio of the two nginx is the noise of the run.
//!
//! Before each scrape, one in ten of the series counts, different ones each time. If there are
//! fewer than ten, all count. The numbers keep their length, so that nginx can serve a file of the
//! same length.
//!
//! ```text
//! cargo bench -p dataclay-metrics-benches --bench scrape -- --nginx /path/to/nginx
//! ```

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dataclay_metrics_benches::{cores, path, pin, quartiles};
use dataclay_metrics_core::exposition::HttpExporter;
use dataclay_metrics_core::{Counter, Family, Registry};

/// The name of each exposition, its series, the scrapes of a slice, and the rounds. A slice takes
/// about a millisecond.
const SIZES: [(&str, usize, usize, usize); 2] =
    [("5 metrics", 5, 20, 1_000), ("10,000 series", 10_000, 4, 500)];
/// One in this many series counts between two scrapes.
const CHANGES: usize = 10;
/// The first count, so large that no number gets another digit.
const FIRST: u64 = 100_000;
/// Slices of each server before the measurement.
const WARM_UP: usize = 20;
/// The limit of the time that a server takes to start.
const START_LIMIT: Duration = Duration::from_secs(10);

/// The pipes of the endpoint's process, which make its series count.
struct Counts {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Counts {
    /// Makes some of the series count, and waits until they have counted.
    fn count(&mut self) {
        self.input.write_all(b"\n").expect("a server that reads");
        self.output.read_line(&mut String::new()).expect("a line from the server");
    }
}

/// The process of a server. Dropping this stops it.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // This fails only if the process has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Prints the port, and serves as many series until standard input ends. For each byte of the
/// input, some of them count.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn serve(series: usize) {
    let registry = Registry::new();
    let counters: Vec<Counter> = if series == 5 {
        let counter = |i| Counter::new(&format!("m{i}"), "Requests served").expect("a valid name");
        let counters: Vec<Counter> = (0..series).map(counter).collect();
        for counter in &counters {
            registry.register(counter).expect("a new name");
        }
        counters
    } else {
        let family = Family::<Counter>::new("requests", "Requests served", ["path"]);
        let family = family.expect("valid names");
        registry.register(&family).expect("a new name");
        let child = |i| family.with_labels([path(i)]).expect("room");
        (0..series).map(child).collect()
    };
    counters.iter().zip(0..).for_each(|(counter, i)| counter.inc_by(FIRST + i));
    let exporter = HttpExporter::start(registry, "127.0.0.1", 0).expect("a free port");
    println!("{}", exporter.local_addr().port());
    let share = if series < CHANGES { 1 } else { CHANGES };
    for first in (0..share).cycle() {
        if io::stdin().read(&mut [0]).expect("standard input") == 0 {
            return;
        }
        counters[first..].iter().step_by(share).for_each(Counter::inc);
        println!();
    }
}

/// Starts this program again as the process with the endpoint.
fn start_endpoint(series: usize) -> (Server, Counts) {
    let this = std::env::current_exe().expect("the path of this program");
    let mut command = Command::new(this);
    command.args(["--serve", &series.to_string()]);
    let mut process =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("this program");
    let mut port = String::new();
    let mut output = BufReader::new(process.stdout.take().expect("a pipe"));
    output.read_line(&mut port).expect("a line");
    let port: u16 = port.trim().parse().expect("a port");
    let input = process.stdin.take().expect("a pipe");
    let server = Server { process, address: SocketAddr::from(([127, 0, 0, 1], port)) };
    (server, Counts { input, output })
}

/// Starts nginx in `dir`, which contains the file to serve.
///
/// It is one process and configured as in Debian, with sendfile, but without the access log. It
/// sends the headers of the endpoint, and also `Server`, `Date`, `Last-Modified` and
/// `Accept-Ranges`.
fn start_nginx(nginx: &str, dir: &Path, content_type: &str) -> Server {
    let probe = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = probe.local_addr().expect("an address");
    drop(probe);
    let name = address.port();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path temporary_{name};"))
        .join(" ");
    let configuration = format!(
        "daemon off; master_process off; worker_processes 1; pid {name}.pid; error_log stderr;\n\
         events {{ worker_connections 256; }}\n\
         http {{\n{temporary}\n\
         sendfile on; tcp_nopush on; access_log off; etag off;\n\
         types {{ }} default_type \"{content_type}\";\n\
         add_header Allow \"GET, HEAD\"; add_header Vary \"Accept, Accept-Encoding\";\n\
         server {{ listen {address}; root .; }}\n}}\n"
    );
    let file = format!("{name}.conf");
    fs::write(dir.join(&file), configuration).expect("a directory that can be written to");
    let mut command = Command::new(nginx);
    command.args(["-e", "stderr", "-c", &file, "-p"]).arg(dir).stdin(Stdio::null());
    let process = command.spawn().expect("nginx");
    let server = Server { process, address };
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(begin.elapsed() < START_LIMIT, "nginx does not listen on {address}");
        thread::sleep(Duration::from_millis(10));
    }
    server
}

/// Scrapes once. Returns the whole response, in `buffer`. The buffer is larger than any response,
/// so the client makes few system calls and copies nothing.
fn scrape(address: SocketAddr, buffer: &mut [u8]) -> &[u8] {
    const REQUEST: &[u8] = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\
        User-Agent: bench\r\nAccept: text/plain;version=0.0.4\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(REQUEST).expect("a server that reads");
    let mut length = 0;
    loop {
        match stream.read(&mut buffer[length..]).expect("a response") {
            0 => break,
            count => length += count,
        }
    }
    assert!(length < buffer.len(), "the response fills the buffer");
    &buffer[..length]
}

/// Returns the body and the content type of a response.
fn parts(response: &[u8]) -> (&[u8], &str) {
    let end = response.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of a head");
    let head = std::str::from_utf8(&response[..end]).expect("text");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let content_type = head.lines().find_map(|line| line.strip_prefix("Content-Type: "));
    (&response[end + 4..], content_type.expect("a content type"))
}

/// Measures one slice. Returns the mean microseconds of a scrape. Some series count before each.
fn slice(
    server: &Server,
    counts: &mut Counts,
    scrapes: usize,
    length: usize,
    buffer: &mut [u8],
) -> f64 {
    let mut taken = Duration::ZERO;
    for _ in 0..scrapes {
        counts.count();
        let begin = Instant::now();
        let response = scrape(server.address, buffer);
        taken += begin.elapsed();
        assert_eq!(response.len(), length, "the length of the response changed");
    }
    taken.as_secs_f64() * 1e6 / scrapes as f64
}

#[expect(clippy::print_stdout, reason = "the result")]
fn measure(nginx: &str, (what, series, scrapes, rounds): (&str, usize, usize, usize), dir: &Path) {
    let cores = cores();
    pin(cores[cores.len() - 1]); // the servers inherit it
    let (endpoint, mut counts) = start_endpoint(series);
    let mut buffer = vec![0; 1 << 20];
    let response = scrape(endpoint.address, &mut buffer).to_vec();
    let (body, content_type) = parts(&response);
    fs::write(dir.join("metrics"), body).expect("a directory that can be written to");
    let servers =
        [endpoint, start_nginx(nginx, dir, content_type), start_nginx(nginx, dir, content_type)];
    pin(cores[0]);
    let lengths = servers.each_ref().map(|server| {
        for _ in 0..WARM_UP * scrapes {
            let response = scrape(server.address, &mut buffer);
            assert!(parts(response).0 == body, "the servers send different bodies");
        }
        scrape(server.address, &mut buffer).len()
    });
    let mut times = [const { Vec::new() }; 3];
    for round in 0..rounds {
        // The servers take turns in starting a round.
        for at in (0..3).map(|offset| (round + offset) % 3) {
            times[at].push(slice(&servers[at], &mut counts, scrapes, lengths[at], &mut buffer));
        }
    }
    let ratios = |above: usize, below: usize| -> Vec<f64> {
        times[above].iter().zip(&times[below]).map(|(above, below)| above / below).collect()
    };
    let rows = [
        ("ours/nginx", ratios(0, 1)),
        ("nginx/nginx", ratios(2, 1)),
        ("ours", times[0].clone()),
        ("nginx", times[1].clone()),
    ];
    for (name, mut figures) in rows {
        let [low, middle, high] = quartiles(&mut figures);
        println!("scrape {what}, {name}: {:.3} {low:.3} {middle:.3} {high:.3}", figures[0]);
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    if let Some(series) = value("--serve") {
        return serve(series.parse().expect("a number"));
    }
    let nginx = value("--nginx").map_or("nginx", String::as_str);
    let dir = std::env::temp_dir().join(format!("dataclay-metrics-scrape-{}", std::process::id()));
    fs::create_dir(&dir).expect("a temporary directory");
    for size in SIZES {
        measure(nginx, size, &dir);
    }
    fs::remove_dir_all(&dir).expect("the temporary directory");
}
