//! The routes: a request for the metrics, or for one of a few pages.

use crate::exposition::scrape::negotiate;
use crate::exposition::scrape::page;
use crate::exposition::scrape::request::Request;
use crate::exposition::scrape::response::{PLAIN, Response};
use crate::exposition::scrape::selection::Selection;
#[cfg(any(test, fuzzing))]
use crate::registry::Registry;

/// The path of the metrics, which is the default of Prometheus.
pub(crate) const METRICS_PATH: &str = "/metrics";

/// The thing that a request asks for, by its path.
pub(crate) enum Route {
    /// A page, which needs no registry.
    Page(Response),
    Metrics(Selection),
}

/// Returns the route of a request.
pub(crate) fn route(request: &Request) -> Route {
    let page = match negotiate::normalized(&request.path).as_str() {
        METRICS_PATH => return Route::Metrics(Selection::of(request)),
        "/" => page::response(request),
        "/-/healthy" => Response::new("200 OK", PLAIN, "healthy\n"),
        _ => Response::refusal("404 Not Found", "not found; the metrics are at /metrics"),
    };
    Route::Page(page)
}

/// Returns the bytes of the response to these bytes; `None` while they are not a complete request.
///
/// Tests and fuzz targets use this, because they have no connection.
#[cfg(any(test, fuzzing))]
#[cfg_attr(not(fuzzing), allow(unreachable_pub, reason = "exported for fuzz targets only"))]
pub fn exchange(received: &[u8], registry: &Registry) -> Option<Vec<u8>> {
    use crate::exposition::scrape::request::{Parsed, parse};
    match parse(received) {
        Parsed::Incomplete => None,
        Parsed::Request(request) => {
            let response = match route(&request) {
                Route::Page(page) => page,
                Route::Metrics(selection) => selection.response(registry),
            };
            Some(bytes(if request.is_head { response.without_body() } else { response }))
        }
        Parsed::Refused(refusal) => Some(bytes(refusal)),
    }
}

#[cfg(any(test, fuzzing))]
fn bytes(response: Response) -> Vec<u8> {
    let (mut bytes, body) = response.into_parts();
    body.iter().for_each(|piece| bytes.extend_from_slice(piece));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::scrape::request::MAX_HEAD;
    use crate::metrics::counter::Counter;

    /// Returns the response to a complete request.
    fn response_to(request: &str) -> String {
        let registry = Registry::new();
        let counter = Counter::new("hits", "Hits").expect("a valid name");
        registry.register(&counter).expect("the first");
        let bytes = exchange(request.as_bytes(), &registry).expect("a complete head");
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[track_caller]
    fn assert_status(request: &str, status: &str) {
        let response = response_to(request);
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {response}");
    }

    #[test]
    fn metrics_are_served_in_the_text_format() {
        let response = response_to("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n");
        let (head, body) = response.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
        assert_eq!(body, "# HELP hits_total Hits\n# TYPE hits_total counter\nhits_total 0\n");
    }

    #[test]
    fn selected_metrics_are_served_in_open_metrics() {
        let request = "GET /metrics?name[]=hits_total HTTP/1.1\r\n\
                       Accept: text/plain;q=0.5\r\naccept: application/openmetrics-text\r\n\r\n";
        let response = response_to(request);
        let (head, body) = response.split_once("\r\n\r\n").expect("a head");
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert!(head.contains(&format!("Content-Type: {content_type}\r\n")), "{head}");
        assert_eq!(body, "# HELP hits Hits\n# TYPE hits counter\nhits_total 0\n# EOF\n");
        let nothing = response_to("GET /metrics?name[]=x HTTP/1.1\r\n\r\n");
        assert!(nothing.starts_with("HTTP/1.1 200 ") && nothing.ends_with("\r\n\r\n"));
    }

    #[test]
    fn a_head_request_gets_the_response_without_its_body() {
        let get = response_to("GET /metrics HTTP/1.1\r\n\r\n");
        let head = response_to("HEAD /metrics HTTP/1.1\r\n\r\n");
        assert!(head.ends_with("\r\n\r\n"));
        assert!(get.starts_with(&head));
    }

    #[test]
    fn each_request_gets_its_status() {
        assert_status("GET / HTTP/1.0\r\n\r\n", "200");
        assert_status("GET /-/healthy HTTP/1.1\r\n\r\n", "200");
        assert_status("GET /metrics/ HTTP/1.1\r\n\r\n", "200");
        assert_status("GET /-/healthy/?x HTTP/1.1\r\n\r\n", "200");
        assert_status("GET http://x:1/metrics HTTP/1.1\r\n\r\n", "200");
        for path in ["/metrics/", "/metrics//", "//metrics", "/./metrics", "/%6Detrics"] {
            assert_status(&format!("GET {path} HTTP/1.1\r\n\r\n"), "200");
        }
        for path in ["metrics", "*", "/metrics/x", "/x/../metrics", "/metrics%2", "/metrics#x"] {
            assert_status(&format!("GET {path} HTTP/1.1\r\n\r\n"), "404");
        }
        assert_status("POST /metrics HTTP/1.1\r\n\r\n", "405");
        assert_status("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "405");
        let cookie = "y".repeat(9000);
        assert_status(&format!("GET / HTTP/1.1\r\nCookie: {cookie}\r\n\r\n"), "200");
        assert_status("\u{1}\u{2}\r\n\r\n", "400");
        assert_status(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(MAX_HEAD)), "431");
        assert_status(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(129)), "431");
    }

    #[test]
    fn a_short_body_is_ignored_and_an_invalid_one_is_refused() {
        for (headers, status) in [
            ("Content-Length: 0", "200"),
            ("Content-Length: 00", "200"),
            ("Content-Length: 2", "200"),
            ("Content-Length: 65536", "200"),
            ("Content-Length: 65537", "413"),
            ("Content-Length: 99999999999999999999999", "413"),
            ("Content-Length: -1", "400"),
            ("Content-Length: +2", "400"),
            ("Content-Length: 2, 2", "400"),
            ("Content-Length: 2\r\nContent-Length: 3", "400"),
            ("Transfer-Encoding: chunked", "200"),
            ("Transfer-Encoding: Chunked", "200"),
            ("Transfer-Encoding: gzip, chunked", "400"),
            ("Transfer-Encoding: chunked\r\nContent-Length: 2", "400"),
        ] {
            assert_status(&format!("GET /metrics HTTP/1.1\r\n{headers}\r\n\r\n{{}}"), status);
        }
    }

    /// Returns whether this is one complete response: it has a status, and the body has the length
    /// that the head states.
    fn is_whole(response: &[u8], with_body: bool) -> bool {
        let Some(end) = response.windows(4).position(|four| four == b"\r\n\r\n") else {
            return false;
        };
        let head = String::from_utf8_lossy(&response[..end]).into_owned();
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
        let length: Option<usize> = length.and_then(|length| length.parse().ok());
        let body = response.len() - end - 4;
        head.starts_with("HTTP/1.1 ")
            && length.is_some_and(|length| body == length || (!with_body && body == 0))
    }

    proptest::proptest! {
        /// Checks that neither random bytes nor a damaged request cause a panic or an incomplete
        /// response.
        #[test]
        fn any_bytes_get_a_whole_response_or_none(
            bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200),
            at in 0_usize..140,
            cut in 0_usize..200,
        ) {
            let good = "HEAD /metrics?name[]=hits_total HTTP/1.1\r\nHost: x\r\n\
                        Accept: application/openmetrics-text;q=0.5, */*;q=0.1\r\n\
                        Accept-Encoding: gzip\r\n\r\n";
            let mut damaged = good.as_bytes().to_vec();
            let end = (at + cut).min(damaged.len());
            damaged.splice(at.min(end)..end, bytes.iter().copied());
            let registry = Registry::new();
            for request in [&bytes, &damaged] {
                if let Some(response) = exchange(request, &registry) {
                    let head = request.starts_with(b"HEAD");
                    proptest::prop_assert!(is_whole(&response, !head), "{request:?}");
                }
            }
        }
    }
}
