//! One request to the scrape endpoint, from its bytes to the bytes of the answer.

use crate::encode;
use crate::registry::Registry;

/// The most that a request's head may hold; Prometheus sends about 300 bytes.
pub(crate) const MAX_HEAD: usize = 8 * 1024;
/// The most header lines a request may have.
const MAX_HEADERS: usize = 64;

const PLAIN: &str = "text/plain; charset=utf-8";
const LANDING_PAGE: &str = "<!DOCTYPE html>\n<title>dataclay-metrics</title>\n\
    <h1>dataclay-metrics</h1>\n<p><a href=\"/metrics\">Metrics</a></p>\n";

/// The answer to a request whose head is in `received`; `None` while the head is not complete.
/// Gathers `registry` only for a request for the metrics.
pub(crate) fn answer(received: &[u8], registry: &Registry) -> Option<Vec<u8>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(received) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if received.len() < MAX_HEAD => return None,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Some(refusal("431 Request Header Fields Too Large", "too long a head"));
        }
        Err(error) => return Some(refusal("400 Bad Request", &error.to_string())),
    }
    let has_body = request.headers.iter().any(|header| {
        header.name.eq_ignore_ascii_case("Transfer-Encoding")
            || (header.name.eq_ignore_ascii_case("Content-Length") && header.value != b"0")
    });
    if has_body {
        return Some(refusal("400 Bad Request", "no request here takes a body"));
    }
    let with_body = match request.method {
        Some("GET") => true,
        Some("HEAD") => false,
        _ => return Some(response("405 Method Not Allowed", PLAIN, "GET and HEAD only\n", true)),
    };
    let target = request.path.unwrap_or_default();
    let path = target.split_once('?').map_or(target, |(path, _query)| path);
    Some(match path {
        "/metrics" => {
            let body = encode::text(&registry.gather());
            response("200 OK", encode::CONTENT_TYPE, &body, with_body)
        }
        "/" => response("200 OK", "text/html; charset=utf-8", LANDING_PAGE, with_body),
        "/-/healthy" => response("200 OK", PLAIN, "healthy\n", with_body),
        _ => {
            response("404 Not Found", PLAIN, "not found; the metrics are at /metrics\n", with_body)
        }
    })
}

fn refusal(status: &str, reason: &str) -> Vec<u8> {
    response(status, PLAIN, &format!("{reason}\n"), true)
}

/// A whole response. Every connection ends with it. `Allow` belongs to a 405 and harms no other.
fn response(status: &str, content_type: &str, body: &str, with_body: bool) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Allow: GET, HEAD\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let body = if with_body { body } else { "" };
    [head.as_bytes(), body.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Counter;

    fn answered(request: &str) -> Option<String> {
        let registry = Registry::new();
        let counter = Counter::new("hits", "Hits").expect("a valid name");
        registry.register(&counter).expect("the first");
        answer(request.as_bytes(), &registry).map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
    }

    #[track_caller]
    fn assert_status(request: &str, status: &str) {
        let answer = answered(request).expect("a complete head");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
    }

    #[test]
    fn metrics() {
        let answer = answered("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n").expect("complete");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
        assert_eq!(body, "# HELP hits_total Hits\n# TYPE hits_total counter\nhits_total 0\n");
    }

    #[test]
    fn head_is_get_without_the_body() {
        let get = answered("GET /metrics HTTP/1.1\r\n\r\n").expect("complete");
        let head = answered("HEAD /metrics HTTP/1.1\r\n\r\n").expect("complete");
        assert!(head.ends_with("\r\n\r\n"));
        assert!(get.starts_with(&head));
    }

    #[test]
    fn statuses() {
        assert_status("GET / HTTP/1.0\r\n\r\n", "200");
        assert_status("GET /-/healthy HTTP/1.1\r\n\r\n", "200");
        assert_status("GET /metrics/ HTTP/1.1\r\n\r\n", "404");
        assert_status("POST /metrics HTTP/1.1\r\n\r\n", "405");
        assert_status("GET /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "400");
        assert_status("GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "400");
        assert_status("\u{1}\u{2}\r\n\r\n", "400");
        assert_status(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(MAX_HEAD)), "431");
        assert_status(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65)), "431");
    }

    #[test]
    fn an_incomplete_head_waits() {
        for part in ["", "G", "GET /metrics HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: x\r\n"] {
            assert_eq!(answered(part), None, "{part:?}");
        }
    }
}
