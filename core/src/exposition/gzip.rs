//! Bodies in gzip.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// At the lowest level: an exposition shrinks to a tenth at any, and a scrape waits for it.
pub(crate) fn compressed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 8), Compression::fast());
    // A Vec takes every write.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}
