//! The live page at `/`: one file, which reads the metrics once a second and shows them.
//!
//! The page does all of its work in the browser. Scrapers do not receive it.

use crate::exposition::scrape::request::Request;
use crate::exposition::scrape::response::Response;

const PAGE: &str = include_str!("page.html");
const HTML: &str = "text/html; charset=utf-8";
/// The hashes of the page's script and style, which the policy below allows. The policy forbids
/// everything else, except requests to this endpoint. `tests/python/test_page_response.py` prints
/// the hashes of a changed page.
const SCRIPT: &str = "sha256-PP66eMmWI8cZsHCStUUQpZDqWBHUM/zas7hLpwzdBmM=";
const STYLE: &str = "sha256-mGq9H8h6ca3EqpIz2/sNZkKBf+tS+bl9hYSvo1aC/iA=";

/// Returns the page, or status 304 if the browser already has it.
pub(crate) fn response(request: &Request) -> Response {
    let tag = format!("W/\"{:016x}\"", const { fingerprint(PAGE.as_bytes()) });
    let headers = format!(
        "ETag: {tag}\r\nCache-Control: no-cache\r\n\
         Content-Security-Policy: default-src 'none'; script-src '{SCRIPT}'; \
         style-src '{STYLE}'; connect-src 'self'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'\r\n\
         X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
    );
    let mut tags = request.if_none_match.split(',').map(str::trim);
    let is_known = tags.any(|known| known == tag || known == "*");
    let status = if is_known { "304 Not Modified" } else { "200 OK" };
    let page = with_body(status, &request.accept_encoding).with_headers(headers);
    if is_known { page.without_body() } else { page }
}

#[cfg(feature = "gzip")]
fn with_body(status: &'static str, accept_encoding: &str) -> Response {
    use crate::exposition::gzip;
    use crate::exposition::scrape::negotiate;

    thread_local! {
        // Compressed once, by the endpoint's thread. It has no lock, which would need to be
        // registered for forks.
        static COMPRESSED: Vec<u8> = gzip::smallest(PAGE.as_bytes());
    }
    if !negotiate::gzip(accept_encoding) {
        return Response::new(status, HTML, PAGE);
    }
    Response::new(status, HTML, COMPRESSED.with(Vec::clone)).in_gzip()
}

#[cfg(not(feature = "gzip"))]
fn with_body(status: &'static str, _accept_encoding: &str) -> Response {
    Response::new(status, HTML, PAGE)
}

/// Returns a hash of the bytes: FNV-1a, 64 bits.
const fn fingerprint(bytes: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x100_0000_01b3;
    let (mut hash, mut at) = (BASIS, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(PRIME);
        at += 1;
    }
    hash
}
