//! Compresses bodies with gzip.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Compresses a body at the lowest level, because a scrape waits for it, and an exposition shrinks
/// to about a tenth at any level.
pub(crate) fn compressed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    at_level(pieces, Compression::fast())
}

/// Compresses a body at the highest level, for one that is compressed once and sent often.
#[cfg(feature = "http")]
pub(crate) fn smallest(body: &[u8]) -> Vec<u8> {
    at_level([body], Compression::best())
}

fn at_level<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    for piece in pieces {
        // Writing to a Vec cannot fail.
        let _ = encoder.write_all(piece);
    }
    encoder.finish().unwrap_or_default()
}
