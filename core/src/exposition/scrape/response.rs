//! A response of the scrape endpoint, and its bytes.

use std::borrow::Cow;
use std::sync::Arc;

use crate::encode::pieces::Pieces;

/// The Content-Type of pages in plain text.
pub(crate) const PLAIN: &str = "text/plain; charset=utf-8";

/// A complete response, after which the connection is closed. Clones share the body.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    status: &'static str,
    content_type: Cow<'static, str>,
    is_gzip: bool,
    /// Header lines, in addition to those of every response.
    headers: String,
    body: Arc<Pieces>,
    with_body: bool,
}

impl Response {
    /// Creates a response with this status (its number and its name).
    pub(crate) fn new(
        status: &'static str,
        content_type: impl Into<Cow<'static, str>>,
        body: impl Into<Vec<u8>>,
    ) -> Response {
        Response::in_pieces(status, content_type, body.into().into())
    }

    /// Creates a response whose body need not be in one piece.
    pub(crate) fn in_pieces(
        status: &'static str,
        content_type: impl Into<Cow<'static, str>>,
        body: Pieces,
    ) -> Response {
        let (is_gzip, headers, body) = (false, String::new(), Arc::new(body));
        let content_type = content_type.into();
        Response { status, content_type, is_gzip, headers, body, with_body: true }
    }

    /// Creates a refusal, with the reason in words.
    pub(crate) fn refusal(status: &'static str, reason: &str) -> Response {
        Response::new(status, PLAIN, format!("{reason}\n"))
    }

    /// Marks the body as compressed.
    #[cfg(feature = "gzip")]
    pub(crate) fn in_gzip(self) -> Response {
        Response { is_gzip: true, ..self }
    }

    /// Adds header lines, each with its line end.
    pub(crate) fn with_headers(self, headers: String) -> Response {
        Response { headers, ..self }
    }

    /// Omits the body, but not its length, as for HEAD (RFC 9110, 9.3.2).
    pub(crate) fn without_body(self) -> Response {
        Response { with_body: false, ..self }
    }

    /// Returns the length of the body.
    pub(crate) fn body_len(&self) -> usize {
        self.body.len()
    }

    /// Returns the bytes to send: the head, and the body, which may be shared with other responses.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Arc<Pieces>) {
        let Response { status, content_type, is_gzip, headers, body, with_body } = self;
        let encoding = if is_gzip { "Content-Encoding: gzip\r\n" } else { "" };
        // `Allow` belongs to a 405 and harms no other.
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{encoding}\
             Content-Length: {}\r\nAllow: GET, HEAD\r\nVary: Accept, Accept-Encoding\r\n\
             {headers}Connection: close\r\n\r\n",
            body.len()
        );
        (head.into_bytes(), if with_body { body } else { Arc::default() })
    }
}
