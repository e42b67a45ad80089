//! The index of a directory: maps the hash of a series to its record. So a process that attaches
//! reads only the records of its series.
//!
//! ```text
//! heads   [ 0 | 73 | 0 | 21 | ...     the record of the newest series of each hash
//!               |        |
//!               |        +-> series --> 0
//!               +-> series --> older series of the same head --> 0
//! ```
//!
//! The index is only a hint. A process that does not find a series here reads the whole directory
//! before it appends the series. So damage to the index, or a process that was killed between its
//! two stores, costs time but loses no count.
//!
//! Gauges have a separate chain, because a new owner of a block empties their words.

use crate::count::segment::hash::hash;
use crate::count::segment::layout::{self, header};
use crate::count::segment::mapping::Mapping;
use crate::count::segment::record::{Family, Identity, Links, Merge, Record, Series, Wanted};
use crate::count::segment::sealed;
use crate::count::sizes::WORDS;
use crate::sync::{AtomicU64, Ordering};

/// Returns the words of the directory that were appended. Returns `None` if the length is damaged.
pub(crate) fn appended(mapping: &Mapping) -> Option<&[AtomicU64]> {
    let length = sealed::load(&mapping.words()[header::DIRECTORY])? as usize;
    mapping.words()[layout::DIRECTORY..].get(..length)
}

/// Returns the identity of the processes that share the segment, from the first record. Returns
/// `None` if that is damaged.
pub(crate) fn identity(mapping: &Mapping) -> Option<Identity> {
    match Record::read(appended(mapping)?)?.0 {
        Record::Identity(identity) => Some(identity),
        _ => None,
    }
}

/// Returns a series, or `None` if the index does not lead to it.
pub(crate) fn find(mapping: &Mapping, wanted: &Wanted) -> Option<Series> {
    let mut at = sealed::load(head(mapping, &wanted.family.name, &wanted.labels))?;
    // The length is loaded after the head, so it includes the record to which the head leads.
    let directory = appended(mapping)?;
    while at > 0 {
        let series = series(directory, at)?;
        if series.labels == wanted.labels && is_family(directory, series.family, wanted) {
            let is_wanted = (series.words, series.merge) == (wanted.words, wanted.merge);
            return Some(series).filter(|_| is_wanted);
        }
        at = series.links.older;
    }
    None
}

/// Returns all gauges, or `None` if the index does not lead to all of them.
pub(crate) fn gauges(mapping: &Mapping) -> Option<Vec<Series>> {
    let mut at = last_gauge(mapping)?;
    let directory = appended(mapping)?;
    let mut found = Vec::new();
    while at > 0 {
        let series = series(directory, at)?;
        at = series.links.older_gauge;
        found.push(series);
    }
    Some(found)
}

/// Returns the links for the next series. The caller holds the lock on the directory.
pub(crate) fn links(mapping: &Mapping, wanted: &Wanted) -> Links {
    // A damaged record ends a chain.
    let older = sealed::load(head(mapping, &wanted.family.name, &wanted.labels)).unwrap_or(0);
    let older_gauge = match wanted.merge {
        Merge::Count => 0,
        // This chain must not be cut. A reader of the chain stops at this value, and reads the
        // directory.
        Merge::Gauge(_) => last_gauge(mapping).unwrap_or(u32::MAX),
    };
    Links { older, older_gauge }
}

fn last_gauge(mapping: &Mapping) -> Option<u32> {
    let last = &mapping.words()[header::LAST_GAUGE];
    // A complete header has the seal of 0 here, so a word of zeros is damaged.
    sealed::load(last).filter(|_| last.load(Ordering::Relaxed) != 0)
}

/// Makes the index lead to the series of the last record. The caller holds the lock on the
/// directory.
pub(crate) fn link(mapping: &Mapping, at: u32, family: &Family, series: &Series) {
    sealed::store(head(mapping, &family.name, &series.labels), at);
    if let Merge::Gauge(_) = series.merge {
        sealed::store(&mapping.words()[header::LAST_GAUGE], at);
    }
}

fn head<'a>(mapping: &'a Mapping, name: &str, labels: &[u8]) -> &'a AtomicU64 {
    &mapping.words()[head_of(name, labels)]
}

/// Returns the word of the head for a series.
pub(super) fn head_of(name: &str, labels: &[u8]) -> usize {
    layout::INDEX + hash(hash(0, name.as_bytes()), labels) as usize % layout::HEADS
}

/// Returns the series whose record begins at a word. Returns `None` if the record is damaged or
/// leads to a newer one, so every walk ends.
fn series(directory: &[AtomicU64], at: u32) -> Option<Series> {
    let Record::Series(series) = Record::read(directory.get(at as usize..)?)?.0 else {
        return None;
    };
    let end = series.first.checked_add(series.words)? as usize;
    let Links { older, older_gauge } = series.links;
    let is_sound = series.words > 0 && end <= WORDS && older < at && older_gauge < at;
    is_sound.then_some(series)
}

fn is_family(directory: &[AtomicU64], at: u32, wanted: &Wanted) -> bool {
    let record = directory.get(at as usize..).and_then(Record::read);
    let Some((Record::Family(family), _)) = record else { return false };
    family.name == wanted.family.name && wanted.difference_to(&family).is_none()
}
