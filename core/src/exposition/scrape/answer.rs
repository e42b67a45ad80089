//! The answer to a request: the metrics in the client's preferred format, or one of a few pages.

use std::borrow::Cow;

use crate::encode::{self, Encoding, Escaping, Format};
#[cfg(feature = "gzip")]
use crate::exposition::gzip;
use crate::exposition::scrape::negotiate;
use crate::exposition::scrape::page;
use crate::exposition::scrape::request::Request;
use crate::exposition::scrape::response::{PLAIN, Response};
use crate::model::snapshot::MetricFamily;
use crate::registry::Registry;

/// The minimum length of a body that is compressed, in bytes. Sending a shorter body costs less
/// than compressing it.
#[cfg(feature = "gzip")]
const MIN_GZIP: usize = 8 * 1024;

/// The path of the metrics, which is the default of Prometheus.
pub(crate) const METRICS_PATH: &str = "/metrics";

/// The answer to a request, before it is encoded.
pub(crate) enum Answer {
    /// A page that needs no registry.
    Page(Response),
    Metrics(Selection),
}

/// The metrics that a client chose, in its preferred format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    /// All metrics, if this is empty.
    names: Vec<String>,
    encoding: Encoding,
    /// The escaping scheme that the client names, if any.
    escaping: Option<Escaping>,
    gzip: bool,
}

/// Returns the answer to a request.
pub(crate) fn answer(request: &Request) -> Answer {
    let page = match negotiate::normalized(&request.path).as_str() {
        METRICS_PATH => {
            let encoding = negotiate::encoding(&request.accept);
            return Answer::Metrics(Selection {
                names: negotiate::names(&request.query),
                encoding,
                escaping: negotiate::escaping(&request.accept, encoding),
                gzip: cfg!(feature = "gzip") && negotiate::gzip(&request.accept_encoding),
            });
        }
        "/" => page::response(request),
        "/-/healthy" => Response::new("200 OK", PLAIN, "healthy\n"),
        _ => Response::refusal("404 Not Found", "not found; the metrics are at /metrics"),
    };
    Answer::Page(page)
}

impl Selection {
    /// Returns the names of the chosen metrics, or an empty list for all metrics.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads the registry.
    pub(crate) fn response(&self, registry: &Registry) -> Response {
        let body = self.encoded(registry);
        let content_type: Cow<'static, str> = match self.escaping {
            None => self.encoding.content_type().into(),
            Some(escaping) => self.encoding.content_type_escaped(escaping).into(),
        };
        #[cfg(feature = "gzip")]
        if self.gzip && body.len() >= MIN_GZIP {
            let body = gzip::compressed(&body);
            return Response::new("200 OK", content_type, body).in_gzip();
        }
        Response::new("200 OK", content_type, body)
    }

    fn encoded(&self, registry: &Registry) -> Vec<u8> {
        let escaping = self.escaping.unwrap_or_default();
        if self.names.is_empty() {
            return registry.encode_escaped(self.encoding, escaping);
        }
        let mut families = registry.gather_where(|desc| desc.reserves_one_of(&self.names));
        negotiate::choose(&self.names, &mut families);
        if registry.exposes_created() && self.encoding == Format::OpenMetrics.into() {
            families = families.into_iter().map(MetricFamily::with_created_samples).collect();
        }
        encode::encode_escaped(families, self.encoding, escaping)
    }
}

/// Returns the bytes of the answer to these bytes; `None` while they are not a complete request.
///
/// Tests and fuzz targets use this, because they have no connection.
#[cfg(any(test, fuzzing))]
#[cfg_attr(not(fuzzing), allow(unreachable_pub, reason = "exported for fuzz targets only"))]
pub fn exchange(received: &[u8], registry: &Registry) -> Option<Vec<u8>> {
    use crate::exposition::scrape::request::{Parsed, parse};
    match parse(received) {
        Parsed::Incomplete => None,
        Parsed::Request(request) => {
            let response = match answer(&request) {
                Answer::Page(page) => page,
                Answer::Metrics(selection) => selection.response(registry),
            };
            Some(bytes(if request.is_head { response.without_body() } else { response }))
        }
        Parsed::Refused(refusal) => Some(bytes(refusal)),
    }
}

#[cfg(any(test, fuzzing))]
fn bytes(response: Response) -> Vec<u8> {
    let (mut bytes, body) = response.into_parts();
    bytes.extend_from_slice(&body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::scrape::request::MAX_HEAD;
    use crate::metrics::counter::Counter;

    /// Returns the answer to a complete request.
    fn answered(request: &str) -> String {
        let registry = Registry::new();
        let counter = Counter::new("hits", "Hits").expect("a valid name");
        registry.register(&counter).expect("the first");
        let bytes = exchange(request.as_bytes(), &registry).expect("a complete head");
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[track_caller]
    fn assert_status(request: &str, status: &str) {
        let answer = answered(request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
    }

    #[test]
    fn metrics_in_the_text_format() {
        let answer = answered("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
        assert_eq!(body, "# HELP hits_total Hits\n# TYPE hits_total counter\nhits_total 0\n");
    }

    #[test]
    fn chosen_metrics_in_open_metrics() {
        let request = "GET /metrics?name[]=hits_total HTTP/1.1\r\n\
                       Accept: text/plain;q=0.5\r\naccept: application/openmetrics-text\r\n\r\n";
        let answer = answered(request);
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert!(head.contains(&format!("Content-Type: {content_type}\r\n")), "{head}");
        assert_eq!(body, "# HELP hits Hits\n# TYPE hits counter\nhits_total 0\n# EOF\n");
        let nothing = answered("GET /metrics?name[]=x HTTP/1.1\r\n\r\n");
        assert!(nothing.starts_with("HTTP/1.1 200 ") && nothing.ends_with("\r\n\r\n"));
    }

    #[test]
    fn head_is_get_without_the_body() {
        let get = answered("GET /metrics HTTP/1.1\r\n\r\n");
        let head = answered("HEAD /metrics HTTP/1.1\r\n\r\n");
        assert!(head.ends_with("\r\n\r\n"));
        assert!(get.starts_with(&head));
    }

    #[test]
    fn statuses() {
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
    fn a_short_body_is_ignored_and_a_doubtful_one_refused() {
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

    /// Returns whether this is one complete response: a status, and as many bytes as it announces.
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
        /// Checks that neither random bytes nor a damaged request cause a panic or an incomplete
        /// answer.
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
            let registry = Registry::new();
            for request in [&bytes, &spoiled] {
                if let Some(answer) = exchange(request, &registry) {
                    let head = request.starts_with(b"HEAD");
                    proptest::prop_assert!(is_whole(&answer, !head), "{request:?}");
                }
            }
        }
    }
}
