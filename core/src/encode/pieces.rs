//! An exposition in pieces: its own text, and lines that it shares with families.

use std::sync::Arc;

/// The bytes of an exposition. It shares kept lines with their family, which copies them before it
/// changes them.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    written: Vec<u8>,
    /// Kept lines, each with its place in `written`, in ascending order.
    kept: Vec<KeptLines>,
}

/// Lines that a family keeps, and the place in the exposition's own text where they belong.
#[derive(Debug)]
pub(super) struct KeptLines {
    pub(super) place: usize,
    pub(super) lines: Arc<Vec<u8>>,
}

impl Pieces {
    pub(super) fn new(mut written: Vec<u8>, kept: Vec<KeptLines>) -> Pieces {
        // A slow client may keep it for long. But shrinking a text that nearly fits would cost more
        // than it saves. Each scrape would return its pages to the system and fault them in again.
        if written.len() < written.capacity() / 2 {
            written.shrink_to_fit();
        }
        Pieces { written, kept }
    }

    /// Returns the length of all pieces together, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.written.len() + self.kept.iter().map(|kept| kept.lines.len()).sum::<usize>()
    }

    /// Returns the pieces in their order. Some may be empty.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        let kept = self.kept.iter().flat_map(move |kept| {
            let before = &self.written[from..kept.place];
            from = kept.place;
            [before, &kept.lines[..]]
        });
        let last = self.kept.last().map_or(0, |kept| kept.place);
        kept.chain([&self.written[last..]])
    }
}

impl From<Vec<u8>> for Pieces {
    fn from(written: Vec<u8>) -> Pieces {
        Pieces::new(written, Vec::new())
    }
}
