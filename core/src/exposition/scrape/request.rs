//! Parses the head of a request to the scrape endpoint.

use std::time::Duration;

use crate::exposition::scrape::response::Response;

/// The maximum length of a request's head, in bytes, as in nginx. Prometheus sends about 300, a
/// browser with cookies several thousand.
pub(crate) const MAX_HEAD: usize = 32 * 1024;
/// The maximum number of header lines; Prometheus sends fewer than ten, and proxies add some.
const MAX_HEADERS: usize = 128;
/// The maximum length of a body, in bytes; the body is ignored. A GET needs none, but some clients
/// send `{}`.
pub(crate) const MAX_BODY: usize = 64 * 1024;

/// The maximum timeout that is accepted from a client.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// A GET or HEAD request. The connection drops its body after the response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) is_head: bool,
    pub(crate) path: String,
    pub(crate) query: String,
    /// All values of the header Accept, as one list.
    pub(crate) accept: String,
    /// All values of the header Accept-Encoding, as one list.
    pub(crate) accept_encoding: String,
    /// All values of the header If-None-Match, as one list.
    pub(crate) if_none_match: String,
    /// The client's timeout, if it sends one. Prometheus does.
    pub(crate) timeout: Option<Duration>,
}

/// The result of parsing what a connection has received so far.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// The head is not complete.
    Incomplete,
    Request(Request),
    /// The request is not served.
    Refused(Response),
}

/// Parses the head of a request.
pub(crate) fn parse(received: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    match head.parse(received) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if received.len() < MAX_HEAD => return Parsed::Incomplete,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return refused(
                "431 Request Header Fields Too Large",
                "the head of the request is too long",
            );
        }
        Err(error) => return refused("400 Bad Request", &error.to_string()),
    }
    let is_head = match head.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return refused("405 Method Not Allowed", "GET and HEAD only"),
    };
    if let Some(refusal) = refused_body(head.headers) {
        return refusal;
    }
    let target = origin_form(head.path.unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = if path.is_empty() { "/" } else { path };
    Parsed::Request(Request {
        is_head,
        path: path.to_owned(),
        query: query.to_owned(),
        accept: values(head.headers, "Accept"),
        accept_encoding: values(head.headers, "Accept-Encoding"),
        if_none_match: values(head.headers, "If-None-Match"),
        timeout: timeout(&values(head.headers, "X-Prometheus-Scrape-Timeout-Seconds")),
    })
}

/// Parses a number of seconds. Returns `None` if it is not a positive number.
fn timeout(seconds: &str) -> Option<Duration> {
    let seconds: f64 = seconds.trim().parse().ok()?;
    let timeout = Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero())?;
    Some(timeout.min(MAX_TIMEOUT))
}

/// Returns the target without scheme and authority. A server must accept them (RFC 9112, 3.2.2).
/// Prometheus sends them to a proxy, and some proxies forward them.
fn origin_form(target: &str) -> &str {
    let Some((scheme, rest)) = target.split_once("://") else { return target };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return target;
    }
    rest.find(['/', '?']).map_or("", |end| &rest[end..])
}

/// Returns the refusal of a request whose body is too long, or has no definite length.
fn refused_body(headers: &[httparse::Header<'_>]) -> Option<Parsed> {
    let all = |name: &str| values(headers, name);
    let (coding, length) = (all("Transfer-Encoding"), all("Content-Length"));
    let bad = |reason: &str| Some(refused("400 Bad Request", reason));
    // Both could smuggle a second request past a proxy.
    match (coding.is_empty(), length.is_empty()) {
        (true, true) => return None,
        (false, false) => return bad("Transfer-Encoding and Content-Length exclude each other"),
        (false, true) if coding.eq_ignore_ascii_case("chunked") => return None,
        (false, true) => return bad("the only Transfer-Encoding is chunked"),
        (true, false) => {}
    }
    let is_number = length.bytes().all(|byte| byte.is_ascii_digit());
    match length.parse() {
        Ok(0..=MAX_BODY) if is_number => None,
        _ if is_number => {
            Some(refused("413 Content Too Large", "a GET needs no body; this one is too long"))
        }
        _ => bad("Content-Length must be one whole number"),
    }
}

fn refused(status: &'static str, reason: &str) -> Parsed {
    Parsed::Refused(Response::refusal(status, reason))
}

/// Returns all values of a header, as one list. A value that is not UTF-8 is omitted.
fn values(headers: &[httparse::Header<'_>], name: &str) -> String {
    let named = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    let texts = named.filter_map(|header| std::str::from_utf8(header.value).ok());
    texts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parsed_request_has_all_that_a_response_needs() {
        let head = "GET /metrics?name[]=x HTTP/1.1\r\nHost: x\r\nAccept: text/plain;q=0.5\r\n\
                    accept: */*\r\nACCEPT-ENCODING: gzip\r\n\r\n";
        let Parsed::Request(request) = parse(head.as_bytes()) else { panic!("a request") };
        let expected = Request {
            is_head: false,
            path: "/metrics".into(),
            query: "name[]=x".into(),
            accept: "text/plain;q=0.5,*/*".into(),
            accept_encoding: "gzip".into(),
            if_none_match: String::new(),
            timeout: None,
        };
        assert_eq!(request, expected);
    }

    /// Returns the path of a request with this target, and its query.
    fn target(target: &str) -> (String, String) {
        let head = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
        let Parsed::Request(request) = parse(head.as_bytes()) else { panic!("{target}") };
        (request.path, request.query)
    }

    #[test]
    fn a_target_may_contain_scheme_and_host() {
        for (given, path, query) in [
            ("http://x:8000/metrics", "/metrics", ""),
            ("HTTP://X/metrics?name[]=a://b", "/metrics", "name[]=a://b"),
            ("https://[::1]:8000/-/healthy", "/-/healthy", ""),
            ("http://x", "/", ""),
            ("http://x?y=/metrics", "/", "y=/metrics"),
            ("/metrics?to=http://x/y", "/metrics", "to=http://x/y"),
            ("ftp://x/metrics", "ftp://x/metrics", ""),
        ] {
            assert_eq!(target(given), (path.to_owned(), query.to_owned()), "{given}");
        }
    }

    #[test]
    fn a_timeout_is_a_positive_number_of_seconds() {
        for (text, milliseconds) in [("10", 10_000), ("0.25", 250), ("1e9", 3_600_000)] {
            assert_eq!(timeout(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "0", "-1", "NaN", "inf", "ten", "10,10"] {
            assert_eq!(timeout(text), None, "{text}");
        }
    }

    #[test]
    fn an_incomplete_head_is_not_a_request_yet() {
        for part in ["", "G", "GET /metrics HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: x\r\n"] {
            assert!(matches!(parse(part.as_bytes()), Parsed::Incomplete), "{part:?}");
        }
    }
}
