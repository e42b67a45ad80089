//! The records of a directory, and their layout in the words of a segment.
//!
//! ```text
//! word 0   length in words and kind, sealed
//! word 1   length of the content in bytes, and its hash
//! word 2.. content, padded with zeros
//! ```

use crate::count::segment::hash::hash;
use crate::count::segment::{gauges, sealed};
use crate::sync::{AtomicU64, Ordering};

/// The words before the content.
const HEAD: usize = 2;
/// The maximum length of the content, in bytes. It bounds what a reader allocates for a record.
const MAX_CONTENT: usize = 1 << 20;

/// The way in which the words of a series are merged over blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    /// Counts, which are summed over all blocks. The next owner of a block continues them.
    Count,
    /// Gauges, which have one value for each process. A number of `gauges` says how they are
    /// merged.
    Gauge(u8),
}

impl Merge {
    /// Returns whether every value of the series is exposed separately.
    pub(crate) fn is_each(self) -> bool {
        matches!(self, Merge::Gauge(how) if gauges::is_each(how))
    }

    fn byte(self) -> u8 {
        match self {
            Merge::Count => 0,
            Merge::Gauge(how) => how.saturating_add(1),
        }
    }

    fn from_byte(byte: u8) -> Merge {
        byte.checked_sub(1).map_or(Merge::Count, Merge::Gauge)
    }
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// The identity of the processes that share the segment. It is the first record.
    Identity(Identity),
    Family(Family),
    Series(Series),
    /// It is in the header, not in the directory.
    Exported(Exported),
}

/// The labels of an identity in addition to its job and its instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exported {
    /// Whether the instance is unique without the random number of the segment.
    pub(crate) is_unique: bool,
    /// The label `service`; empty if there is none.
    pub(crate) service: String,
}

/// The processes that are counted together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) job: String,
    pub(crate) instance: String,
}

/// The name and the definition that all series of a family share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Family {
    pub(crate) name: String,
    /// The other parts of the description, which this layer only compares.
    pub(crate) definition: Vec<u8>,
}

/// A series, and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Series {
    /// The word of the directory at which the family's record begins.
    pub(crate) family: u32,
    /// The first word of the series in every block, and how many it has.
    pub(crate) first: u32,
    pub(crate) words: u32,
    pub(crate) merge: Merge,
    /// The start of the series, in milliseconds of Unix time.
    pub(crate) created: u64,
    pub(crate) links: Links,
    /// The label values, which this layer only compares.
    pub(crate) labels: Vec<u8>,
}

/// The next records in the chains of the index; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Links {
    /// The previous series whose hash has the same head.
    pub(crate) older: u32,
    /// The previous gauge, if this is a gauge.
    pub(crate) older_gauge: u32,
}

/// A series that a process looks up.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) family: Family,
    pub(crate) labels: Vec<u8>,
    pub(crate) words: u32,
    pub(crate) merge: Merge,
    /// Returns how a second definition differs from this one, in words. Returns `None` if the
    /// series of both are counted together.
    pub(crate) difference: fn(&[u8], &[u8]) -> Option<&'static str>,
}

impl Wanted {
    /// Returns why this series does not belong to a family of its name, in words. Returns `None` if
    /// it does.
    pub(crate) fn difference_to(&self, known: &Family) -> Option<&'static str> {
        let (own, other) = (&self.family.definition, &known.definition);
        if own == other { None } else { (self.difference)(own, other) }
    }
}

impl Record {
    /// Returns the words of this record, or `None` if it is too long.
    pub(crate) fn words(&self) -> Option<Vec<u64>> {
        let (kind, content) = match self {
            Record::Identity(Identity { job, instance }) => {
                (0, [&length(job), job.as_bytes(), instance.as_bytes()].concat())
            }
            Record::Family(Family { name, definition }) => {
                (1, [&length(name), name.as_bytes(), definition].concat())
            }
            Record::Series(series) => {
                let mut content = Vec::with_capacity(29 + series.labels.len());
                let Links { older, older_gauge } = series.links;
                for number in [series.family, series.first, series.words, older, older_gauge] {
                    content.extend(number.to_le_bytes());
                }
                content.extend(series.created.to_le_bytes());
                content.push(series.merge.byte());
                content.extend(&series.labels);
                (2, content)
            }
            Record::Exported(Exported { is_unique, service }) => {
                (3, [&[u8::from(*is_unique)], service.as_bytes()].concat())
            }
        };
        if content.len() > MAX_CONTENT {
            return None;
        }
        let length = HEAD + content.len().div_ceil(8);
        let mut words = Vec::with_capacity(length);
        words.push(sealed::seal(u32::try_from(length).ok()? | kind << 24));
        let bytes = u64::try_from(content.len()).ok()?;
        words.push(bytes << 32 | u64::from(hash(0, &content)));
        words.extend(content.chunks(8).map(|chunk| {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(bytes)
        }));
        Some(words)
    }

    /// Reads the record at the start of these words. Also returns its length in words. Returns
    /// `None` if it is damaged.
    pub(crate) fn read(words: &[AtomicU64]) -> Option<(Record, usize)> {
        let word = |at: usize| words.get(at).map(|word| word.load(Ordering::Relaxed));
        let head = sealed::unseal(word(0)?)?;
        let (kind, length) = (head >> 24, (head & 0xff_ffff) as usize);
        let check = word(1)?;
        let bytes = usize::try_from(check >> 32).ok()?;
        if bytes > MAX_CONTENT || length != HEAD + bytes.div_ceil(8) || length > words.len() {
            return None;
        }
        let mut content = Vec::with_capacity(8 * (length - HEAD));
        for word in &words[HEAD..length] {
            content.extend(word.load(Ordering::Relaxed).to_le_bytes());
        }
        content.truncate(bytes);
        if u64::from(hash(0, &content)) != check & 0xffff_ffff {
            return None;
        }
        let record = match kind {
            0 => {
                let (job, instance) = split(&content)?;
                let instance = String::from_utf8(instance.to_vec()).ok()?;
                Record::Identity(Identity { job, instance })
            }
            1 => {
                let (name, definition) = split(&content)?;
                Record::Family(Family { name, definition: definition.to_vec() })
            }
            2 => Record::Series(series(&content)?),
            3 => {
                let (is_unique, service) = content.split_first()?;
                let service = String::from_utf8(service.to_vec()).ok()?;
                Record::Exported(Exported { is_unique: *is_unique != 0, service })
            }
            _ => return None,
        };
        Some((record, length))
    }
}

fn length(text: &str) -> [u8; 4] {
    // A longer text makes a record that is refused.
    u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes()
}

/// Splits off a text that has its length before it.
fn split(content: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = content.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

fn series(content: &[u8]) -> Option<Series> {
    let (family, rest) = content.split_first_chunk()?;
    let (first, rest) = rest.split_first_chunk()?;
    let (words, rest) = rest.split_first_chunk()?;
    let (older, rest) = rest.split_first_chunk()?;
    let (older_gauge, rest) = rest.split_first_chunk()?;
    let (created, rest) = rest.split_first_chunk()?;
    let (merge, labels) = rest.split_first()?;
    Some(Series {
        family: u32::from_le_bytes(*family),
        first: u32::from_le_bytes(*first),
        words: u32::from_le_bytes(*words),
        merge: Merge::from_byte(*merge),
        created: u64::from_le_bytes(*created),
        links: Links {
            older: u32::from_le_bytes(*older),
            older_gauge: u32::from_le_bytes(*older_gauge),
        },
        labels: labels.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let series = |merge, labels: &[u8]| {
            let (family, first, words, created) = (512, 7, 3, 1_700_000_000_000);
            let (links, labels) = (Links { older: 1 << 20, older_gauge: 9 }, labels.into());
            Record::Series(Series { family, first, words, merge, created, links, labels })
        };
        let identity = Identity { job: "dataclay".into(), instance: "client:a@b".into() };
        let family = Family { name: "hits_total".into(), definition: vec![0, 1, 2] };
        let mut all = vec![Record::Identity(identity), Record::Family(family)];
        all.push(series(Merge::Gauge(3), b"0123456789"));
        all.push(series(Merge::Count, b""));
        let service = "backend".into();
        all.push(Record::Exported(Exported { is_unique: true, service }));
        all
    }

    fn atomics(words: &[u64]) -> Vec<AtomicU64> {
        words.iter().map(|word| AtomicU64::new(*word)).collect()
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for record in records() {
            let mut words = record.words().expect("short");
            let length = words.len();
            words.extend([u64::MAX; 3]);
            assert_eq!(Record::read(&atomics(&words)), Some((record, length)));
        }
        let name = "x".repeat(MAX_CONTENT);
        assert!(Record::Family(Family { name, definition: vec![] }).words().is_none());
    }

    #[test]
    fn a_damaged_or_truncated_record_is_refused() {
        for record in records() {
            let words = record.words().expect("short");
            for cut in 0..words.len() {
                assert!(Record::read(&atomics(&words[..cut])).is_none());
            }
            // The bytes after the content are padding.
            let content = usize::try_from(words[1] >> 32).expect("short");
            for byte in 0..16 + content {
                for damage in [1, 0x80, 0xff] {
                    let mut damaged = words.clone();
                    damaged[byte / 8] ^= damage << (8 * (byte % 8));
                    assert!(Record::read(&atomics(&damaged)).is_none(), "{record:?}: {byte}");
                }
            }
        }
    }
}
