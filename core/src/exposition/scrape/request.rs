//! Parses a request to the scrape endpoint: from the bytes of its head to what an answer needs.

use crate::exposition::scrape::response::Response;

/// Bytes that a request's head may hold, as in most servers; Prometheus sends about 300.
pub(crate) const MAX_HEAD: usize = 8 * 1024;
/// Header lines that a request may have; Prometheus sends fewer than ten.
const MAX_HEADERS: usize = 64;

/// A GET or HEAD without a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) is_head: bool,
    pub(crate) path: String,
    pub(crate) query: String,
    /// All values of the header Accept, as one list.
    pub(crate) accept: String,
    /// All values of the header Accept-Encoding, as one list.
    pub(crate) accept_encoding: String,
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
    let has_body = head.headers.iter().any(|header| {
        header.name.eq_ignore_ascii_case("Transfer-Encoding")
            || (header.name.eq_ignore_ascii_case("Content-Length") && header.value != b"0")
    });
    if has_body {
        return refused("400 Bad Request", "a request must not have a body");
    }
    let is_head = match head.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return refused("405 Method Not Allowed", "GET and HEAD only"),
    };
    let target = head.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Parsed::Request(Request {
        is_head,
        path: path.to_owned(),
        query: query.to_owned(),
        accept: values(head.headers, "Accept"),
        accept_encoding: values(head.headers, "Accept-Encoding"),
    })
}

fn refused(status: &'static str, reason: &str) -> Parsed {
    Parsed::Refused(Response::refusal(status, reason))
}

/// Returns all values of a header, as one list. A value that is not UTF-8 is left out.
fn values(headers: &[httparse::Header<'_>], name: &str) -> String {
    let named = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    let texts = named.filter_map(|header| std::str::from_utf8(header.value).ok());
    texts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_holds_what_an_answer_needs() {
        let head = "GET /metrics?name[]=x HTTP/1.1\r\nHost: x\r\nAccept: text/plain;q=0.5\r\n\
                    accept: */*\r\nACCEPT-ENCODING: gzip\r\n\r\n";
        let Parsed::Request(request) = parse(head.as_bytes()) else { panic!("a request") };
        let expected = Request {
            is_head: false,
            path: "/metrics".into(),
            query: "name[]=x".into(),
            accept: "text/plain;q=0.5,*/*".into(),
            accept_encoding: "gzip".into(),
        };
        assert_eq!(request, expected);
    }

    #[test]
    fn an_incomplete_head_waits() {
        for part in ["", "G", "GET /metrics HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: x\r\n"] {
            assert!(matches!(parse(part.as_bytes()), Parsed::Incomplete), "{part:?}");
        }
    }
}
