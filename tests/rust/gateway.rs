//! Pushes to a gateway that restarts, refuses, redirects, or requires a password or a proxy.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dataclay_metrics_core::exposition::{Gateway, GroupingKey, OtlpEndpoint, PushExporter};
use dataclay_metrics_core::{Gauge, Registry};
use dataclay_metrics_tests::fixtures::{group, registry_with_hits};
use dataclay_metrics_tests::{Pushgateway, STOP_TIMEOUT, free_port, wait_for};

#[test]
fn a_gateway_that_restarts_empty_receives_the_exact_totals() {
    let port = free_port();
    let first = Pushgateway::start_on(port);
    let (registry, hits) = registry_with_hits(0);
    let interval = Duration::from_millis(50);
    let exporter =
        PushExporter::start(registry, group(&first.address, "x"), interval).expect("started");
    hits.inc_by(3);
    wait_for("the first gateway", || first.sample("hits_total{", "x") == Some(3.0));
    drop(first);
    hits.inc_by(4);
    // Meanwhile a push fails.
    let broken = TcpListener::bind(("127.0.0.1", port)).expect("the port of the first gateway");
    drop(broken.accept().expect("a push"));
    drop(broken);
    let second = Pushgateway::start_on(port);
    hits.inc_by(5);
    wait_for("the second gateway", || second.sample("hits_total{", "x") == Some(12.0));
    exporter.stop(STOP_TIMEOUT).expect("the last push");
}

#[test]
fn a_gateway_that_refuses_for_a_while_receives_the_exact_totals() {
    let gateway = Pushgateway::start();
    let clash = Registry::new();
    let gauge = Gauge::new("hits_total", "Of another type").expect("valid");
    clash.register(&gauge).expect("the first");
    let other = GroupingKey::new("other").expect("a job");
    let other = Gateway::new(&gateway.address, &other).expect("an address");
    other.push(&clash).expect("pushed");
    let (registry, hits) = registry_with_hits(0);
    hits.inc_by(3);
    group(&gateway.address, "x").push(&registry).expect_err("another type");
    let interval = Duration::from_millis(50);
    let exporter =
        PushExporter::start(registry, group(&gateway.address, "x"), interval).expect("started");
    hits.inc_by(4);
    other.delete().expect("deleted");
    wait_for("a push", || gateway.sample("hits_total{", "instance=\"x\"") == Some(7.0));
    exporter.stop_and_delete(STOP_TIMEOUT).expect("deleted");
    wait_for("the deletion", || gateway.sample("hits_total{", "instance=\"x\"").is_none());
}

/// Receives a request with the counter `hits`, sends `response`, and returns the request.
fn respond_once(listener: TcpListener, response: &'static str) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let (mut peer, _) = listener.accept().expect("a connection");
        let mut request = String::new();
        let mut chunk = [0; 4096];
        while !request.contains("hits_total 0\n") {
            let count = peer.read(&mut chunk).expect("a request");
            assert_ne!(count, 0, "{request}");
            request.push_str(&String::from_utf8_lossy(&chunk[..count]));
        }
        peer.write_all(response.as_bytes()).expect("sent");
        request
    })
}

#[test]
fn a_request_without_time_fails_at_once_and_connects_to_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    silent.set_nonblocking(true).expect("set");
    let address = silent.local_addr().expect("an address").to_string();
    let (registry, _hits) = registry_with_hits(0);
    let began = Instant::now();
    let gateway = group(&address, "x").timeout(Duration::ZERO);
    gateway.push(&registry).expect_err("no time");
    let endpoint = OtlpEndpoint::new(&format!("http://{address}/v1/metrics"), "shop", "till");
    let endpoint = endpoint.expect("valid").timeout(Duration::ZERO);
    endpoint.export(&registry).expect_err("no time");
    assert!(began.elapsed() < Duration::from_secs(1), "waited");
    assert_eq!(silent.accept().expect_err("no connection").kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn a_redirect_is_a_failure_and_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a free port");
    elsewhere.set_nonblocking(true).expect("set");
    let target = elsewhere.local_addr().expect("an address");
    let response = format!(
        "HTTP/1.1 301 Moved Permanently\r\nLocation: http://{target}/\r\nContent-Length: 0\r\n\r\n"
    );
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = respond_once(listener, response.leak());
    let error =
        group(&address, "x").push(&registry_with_hits(0).0).expect_err("a redirect").to_string();
    assert!(error.contains("301 Moved Permanently"), "{error}");
    assert!(
        server.join().expect("a request").starts_with("PUT /metrics/job/test/instance/x HTTP/1.1")
    );
    assert!(elsewhere.accept().is_err(), "the redirect was followed");
}

/// Pushes to a server that sends `response`.
fn push_to(response: &'static str) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let server = respond_once(listener, response);
    let pushed =
        group(&address, "x").push(&registry_with_hits(0).0).map_err(|error| error.to_string());
    server.join().expect("a request");
    pushed
}

#[test]
fn a_push_succeeds_only_with_a_2xx_status() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 201 Created\r\nContent-Length: 13\r\n\r\nreason given\n",
        "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.0 206 Partial Content\r\n\r\n",
        "HTTP/1.1 299 Whatever\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ] {
        assert_eq!(push_to(response), Ok(()), "{response}");
    }
    for response in [
        "HTTP/1.1 300 Multiple Choices\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
    ] {
        assert!(push_to(response).is_err(), "{response}");
    }
}

#[test]
fn an_error_states_whether_the_request_was_sent() {
    let note = "the request was sent, so the server may have accepted it";
    let push = |address: &str| {
        let group = group(address, "x").timeout(Duration::from_secs(2));
        group.push(&registry_with_hits(0).0).expect_err("no response").to_string()
    };
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("an address").to_string();
    assert!(push(&address).ends_with(note));
    drop(silent);
    assert!(!push(&address).contains(note));
    // A stop ends the push of the thread.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("an address").to_string();
    let hour = Duration::from_secs(3600);
    let exporter =
        PushExporter::start(registry_with_hits(0).0, group(&address, "x"), hour).expect("started");
    let (mut peer, _) = silent.accept().expect("a push");
    assert_ne!(peer.read(&mut [0]).expect("read"), 0);
    assert!(!exporter.has_pushed());
    let error = exporter.stop(Duration::from_millis(100)).expect_err("no response").to_string();
    assert!(error.contains("cut off") && error.ends_with(note), "{error}");
}

#[test]
fn an_error_escapes_control_characters_of_the_response() {
    let response = "HTTP/1.1 400 Bad Request\r\nContent-Length: 37\r\n\r\n\
        no\r\x1b[2K\x1b[31mCRITICAL forged\x1b]0;x\x07\0\n\u{9b}";
    let error = push_to(response).expect_err("refused");
    let shown = r"no\r\u{1b}[2K\u{1b}[31mCRITICAL forged\u{1b}]0;x\u{7}\0";
    assert!(error.contains(shown) && !error.contains(char::is_control), "{error:?}");
}

#[test]
fn the_password_is_sent_and_never_shown() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let response = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 12\r\n\r\nwho are you?";
    let server = respond_once(listener, response);
    let gateway = group(&address, "x").basic_auth("Aladdin", "open sesame");
    let error = gateway.push(&registry_with_hits(0).0).expect_err("refused").to_string();
    assert!(error.ends_with("401 Unauthorized: who are you?"), "{error}");
    let request = server.join().expect("a request").to_ascii_lowercase();
    let token = "qwxhzgrpbjpvcgvuihnlc2ftzq=="; // the example of RFC 7617, in lower case
    assert!(request.contains(&format!("authorization: basic {token}\r\n")), "{request}");
    assert!(!format!("{error} {gateway:?}").to_ascii_lowercase().contains(token));
}

#[test]
fn a_gateway_accepts_a_compressed_push() {
    let gateway = Pushgateway::start();
    let (registry, hits) = registry_with_hits(0);
    hits.inc_by(8);
    group(&gateway.address, "x").gzip(true).push(&registry).expect("pushed");
    assert_eq!(gateway.sample("hits_total{", "instance=\"x\""), Some(8.0));
}

#[test]
fn a_gateway_decodes_every_grouping_value() {
    let gateway = Pushgateway::start();
    let (registry, _) = registry_with_hits(0);
    for value in ["/", "", " ", "+", ".", "..", "a/b", "é", "%2F", "a b+c", "=", "日本", "x:1", "~"]
    {
        let key = GroupingKey::new("test").expect("a job").label("l", value).expect("a label");
        let group = Gateway::new(&gateway.address, &key).expect("an address");
        group.push(&registry).unwrap_or_else(|error| panic!("{value:?}: {error}"));
        // The gateway drops a label whose value is empty.
        let label = if value.is_empty() { String::new() } else { format!("l={value:?}") };
        assert_eq!(gateway.sample("hits_total{", &label), Some(0.0), "{value:?}");
        group.delete().expect("deleted");
        wait_for(&format!("the deletion of {value:?}"), || {
            gateway.sample("hits_total{", "").is_none()
        });
    }
}

/// Starts a proxy for tunnels and plain requests. Returns its address and the number of requests
/// that it has forwarded.
fn proxy() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let forwarded = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&forwarded);
    thread::spawn(move || {
        for peer in listener.incoming() {
            // A connection that failed is not counted.
            if peer.and_then(|peer| forward(&peer)).is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    (address, forwarded)
}

/// Forwards the requests of a peer, and the responses.
fn forward(peer: &TcpStream) -> io::Result<()> {
    let mut from_peer = BufReader::new(peer.try_clone()?);
    let mut line = String::new();
    from_peer.read_line(&mut line)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (host, path) = match target.strip_prefix("http://") {
        Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
        None => (target, ""),
    };
    let mut gateway = TcpStream::connect(host)?;
    if method == "CONNECT" {
        while line != "\r\n" {
            line.clear();
            from_peer.read_line(&mut line)?;
        }
        (&*peer).write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    } else {
        write!(gateway, "{method} {path} HTTP/1.1\r\n")?;
    }
    let mut to_gateway = gateway.try_clone()?;
    let requests = thread::spawn(move || {
        io::copy(&mut from_peer, &mut to_gateway)?;
        to_gateway.shutdown(Shutdown::Both)
    });
    io::copy(&mut gateway, &mut &*peer)?;
    peer.shutdown(Shutdown::Both)?;
    requests.join().expect("no panic")
}

/// Runs itself in another process, because a test must not change the environment of its process.
#[test]
fn a_proxy_from_the_environment_is_used_only_on_request() {
    const GATEWAY: &str = "TEST_GATEWAY";
    if let Ok(address) = std::env::var(GATEWAY) {
        let (registry, hits) = registry_with_hits(0);
        hits.inc_by(3);
        group(&address, "x").push(&registry).expect("pushed, without the proxy");
        hits.inc_by(4);
        let proxied = group(&address, "x").proxy_from_env(true);
        return proxied.push(&registry).expect("pushed, through the proxy");
    }
    let gateway = Pushgateway::start();
    let (proxy, forwarded) = proxy();
    let run = |proxy: &str| {
        let name = "a_proxy_from_the_environment_is_used_only_on_request";
        let variables = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
        let mut again = Command::new(std::env::current_exe().expect("this test"));
        again.args([name, "--exact"]).env(GATEWAY, &gateway.address);
        again.env_remove("NO_PROXY").env_remove("no_proxy");
        again.envs(variables.map(|variable| (variable, format!("http://{proxy}"))));
        again.output().expect("started")
    };
    let done = run(&proxy);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    wait_for("the proxy", || forwarded.load(Ordering::Relaxed) == 1);
    assert_eq!(gateway.sample("hits_total{", "instance=\"x\""), Some(7.0));

    // Nothing listens at this proxy, so only the push that uses it fails.
    let done = run(&format!("127.0.0.1:{}", free_port()));
    assert!(!done.status.success());
    assert!(String::from_utf8_lossy(&done.stdout).contains("pushed, through the proxy"));
    assert_eq!(gateway.sample("hits_total{", "instance=\"x\""), Some(3.0));
}
