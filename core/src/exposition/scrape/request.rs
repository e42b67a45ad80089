//! One request to the scrape endpoint, from its bytes to the bytes of the answer.

use crate::count::events;
use crate::encode::Format;
use crate::exposition::scrape::negotiate;
use crate::sync::Ordering;

/// The most that a request's head may hold; Prometheus sends about 300 bytes.
pub(crate) const MAX_HEAD: usize = 8 * 1024;
/// The most header lines a request may have.
const MAX_HEADERS: usize = 64;
/// The shortest body that is worth compressing: below it the work costs more than the network.
#[cfg(feature = "gzip")]
const MIN_GZIP: usize = 8 * 1024;

const PLAIN: &str = "text/plain; charset=utf-8";
const LANDING_PAGE: &str = "<!DOCTYPE html>\n<title>dataclay-metrics</title>\n\
    <h1>dataclay-metrics</h1>\n<p><a href=\"/metrics\">Metrics</a></p>\n";

/// The answer to a request whose head is in `received`; `None` while the head is not complete.
/// Calls `encode`, with the query and the format, only for a request for the metrics.
pub(crate) fn answer(
    received: &[u8],
    encode: impl FnOnce(&str, Format) -> String,
) -> Option<Vec<u8>> {
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
        _ => return Some(refusal("405 Method Not Allowed", "GET and HEAD only")),
    };
    let target = request.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Some(match path {
        "/metrics" => {
            let format = negotiate::format(&values(request.headers, "Accept"));
            let body = encode(query, format);
            events::SCRAPES.fetch_add(1, Ordering::Relaxed);
            metrics(body, format, request.headers).bytes(with_body)
        }
        "/" => page("200 OK", "text/html; charset=utf-8", LANDING_PAGE).bytes(with_body),
        "/-/healthy" => page("200 OK", PLAIN, "healthy\n").bytes(with_body),
        _ => page("404 Not Found", PLAIN, "not found; the metrics are at /metrics\n")
            .bytes(with_body),
    })
}

/// What the client can take of the metrics.
fn metrics(body: String, format: Format, headers: &[httparse::Header<'_>]) -> Response {
    #[cfg(feature = "gzip")]
    if body.len() >= MIN_GZIP && negotiate::gzip(&values(headers, "Accept-Encoding")) {
        return Response {
            body: crate::exposition::gzip::compressed(body.as_bytes()),
            encoding: "Content-Encoding: gzip\r\n",
            ..page("200 OK", format.content_type(), "")
        };
    }
    #[cfg(not(feature = "gzip"))]
    let _ = headers;
    Response { body: body.into_bytes(), ..page("200 OK", format.content_type(), "") }
}

/// All values of a header, as one list. What is not text is left out.
fn values(headers: &[httparse::Header<'_>], name: &str) -> String {
    let named = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    let texts = named.filter_map(|header| std::str::from_utf8(header.value).ok());
    texts.collect::<Vec<_>>().join(",")
}

fn refusal(status: &'static str, reason: &str) -> Vec<u8> {
    page(status, PLAIN, &format!("{reason}\n")).bytes(true)
}

fn page(status: &'static str, content_type: &'static str, body: &str) -> Response {
    Response { status, content_type, encoding: "", body: body.as_bytes().to_vec() }
}

/// A whole response. Every connection ends with it.
struct Response {
    status: &'static str,
    content_type: &'static str,
    /// A header line, or nothing.
    encoding: &'static str,
    body: Vec<u8>,
}

impl Response {
    /// `Allow` belongs to a 405 and harms no other.
    fn bytes(self, with_body: bool) -> Vec<u8> {
        let Response { status, content_type, encoding, body } = self;
        let mut bytes = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{encoding}\
             Content-Length: {}\r\nAllow: GET, HEAD\r\nVary: Accept, Accept-Encoding\r\n\
             Connection: close\r\n\r\n",
            body.len()
        )
        .into_bytes();
        if with_body {
            bytes.extend_from_slice(&body);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::counter::Counter;
    use crate::registry::Registry;

    fn answered(request: &str) -> Option<String> {
        let registry = Registry::new();
        let counter = Counter::new("hits", "Hits").expect("a valid name");
        registry.register(&counter).expect("the first");
        answer(request.as_bytes(), |query, format| negotiate::encode(&registry, query, format))
            .map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
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
    fn open_metrics_on_demand_and_chosen_metrics() {
        let request = "GET /metrics?name[]=hits_total HTTP/1.1\r\n\
                       Accept: text/plain;q=0.5\r\naccept: application/openmetrics-text\r\n\r\n";
        let answer = answered(request).expect("complete");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert!(head.contains(&format!("Content-Type: {content_type}\r\n")), "{head}");
        assert_eq!(body, "# HELP hits Hits\n# TYPE hits counter\nhits_total 0\n# EOF\n");
        let nothing = answered("GET /metrics?name[]=x HTTP/1.1\r\n\r\n").expect("complete");
        assert!(nothing.starts_with("HTTP/1.1 200 ") && nothing.ends_with("\r\n\r\n"));
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

    /// Whether it is one whole response: a status, and as many bytes as it says.
    fn is_whole(answer: &[u8], with_body: bool) -> bool {
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            return false;
        };
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length: Option<usize> = length.and_then(|length| length.parse().ok());
        let body = answer.len() - end - 4;
        head.starts_with("HTTP/1.1 ")
            && length.is_some_and(|length| body == length || (!with_body && body == 0))
    }

    proptest::proptest! {
        /// Any bytes, and any way to spoil a good request: no panic, and no half answer.
        #[test]
        fn any_request_is_answered_whole_or_waited_for(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
            at in 0_usize..140,
            cut in 0_usize..200,
        ) {
            let good = "HEAD /metrics?name[]=hits_total HTTP/1.1\r\nHost: x\r\n\
                        Accept: application/openmetrics-text;q=0.5, */*;q=0.1\r\n\
                        Accept-Encoding: gzip\r\n\r\n";
            let mut spoiled = good.as_bytes().to_vec();
            let end = (at + cut).min(spoiled.len());
            spoiled.splice(at.min(end)..end, bytes.iter().copied());
            for request in [&bytes, &spoiled] {
                if let Some(answer) = answer(request, |_, _| String::new()) {
                    let head = request.starts_with(b"HEAD");
                    proptest::prop_assert!(is_whole(&answer, !head), "{request:?}");
                }
            }
        }
    }
}
