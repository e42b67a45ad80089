//! One process's copy of the directory of a segment. Only a process that exposes all series, or
//! that appends a series, reads the records of other processes.

use std::fs::File;
use std::io;

use hashbrown::HashMap;

use crate::count::segment::layout::{self, header};
use crate::count::segment::mapping::Mapping;
use crate::count::segment::record::{Family, Identity, Record, Series, Wanted};
use crate::count::segment::{index, sealed, system};
use crate::count::sizes::WORDS;
use crate::diagnostics::{events, notes};
use crate::sync::{AtomicU64, Ordering};

/// The number of bytes that are reserved at once.
const STEP: usize = 4 * layout::PAGE;

/// The reason why a series has no words in the segment. Its process counts it in private memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoWord {
    /// Another process has defined the family differently. The text names the difference, such as
    /// "other buckets".
    OtherDefinition(&'static str),
    /// The directory, the words of a block, or tmpfs is full.
    Full,
    /// A part of the directory is damaged, so that the words in use are not known.
    Damaged,
}

impl NoWord {
    /// Increments the number of series in private memory. Logs each family and reason once.
    pub(crate) fn note(self, wanted: &Wanted) {
        events::SERIES_APART.add();
        let name = &wanted.family.name;
        let why = match self {
            NoWord::OtherDefinition(what) => &format!("another process has defined it with {what}"),
            NoWord::Full => "the segment or its file system is full",
            NoWord::Damaged => "the segment is damaged",
        };
        let line = format!("counts of {name} will not outlive this process: {why}");
        notes::add_once(&line, || line.clone());
    }
}

/// The part of a directory that this process has read. A directory only grows.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// The number of words that were read.
    read: usize,
    /// The number of bytes that have room, from the start of the file.
    reserved: usize,
    /// The word after all series.
    next: u32,
    damaged: u64,
    /// The word at which the record of the last series begins, and the number of that series.
    last: Option<(u32, usize)>,
    /// The families, each with the word at which its record begins.
    families: Vec<(u32, Family)>,
    /// For the word at which a record begins, the number of its family.
    at: HashMap<u32, usize>,
    names: HashMap<String, usize>,
    series: Vec<(usize, Series)>,
    found: HashMap<(usize, Vec<u8>), usize>,
}

impl Directory {
    /// Reads what was appended since the last call. Returns `false` if the length is damaged.
    pub(crate) fn refresh(&mut self, mapping: &Mapping) -> bool {
        let Some(words) = index::appended(mapping) else { return false };
        if words.len() < self.read {
            return false;
        }
        let mut was_damaged = false;
        while self.read < words.len() {
            if let Some((record, words)) = Record::read(&words[self.read..]) {
                was_damaged = false;
                self.add(record);
                self.read += words;
            } else {
                // Each following word is tried, until a record can be read.
                self.damaged += u64::from(!was_damaged);
                was_damaged = true;
                self.read += 1;
            }
        }
        true
    }

    #[expect(clippy::cast_possible_truncation, reason = "below MAX_DIRECTORY")]
    fn add(&mut self, record: Record) {
        match record {
            Record::Identity(_) => {}
            Record::Family(family) => {
                let (at, number) = (self.read as u32, self.families.len());
                self.at.insert(at, number);
                self.names.entry(family.name.clone()).or_insert(number);
                self.families.push((at, family));
            }
            // This record does not belong in a directory.
            Record::Exported(_) => self.damaged += 1,
            Record::Series(series) => {
                let end = series.first.checked_add(series.words);
                let (Some(family), Some(end)) = (self.at.get(&series.family), end) else {
                    // The record of its family is damaged.
                    self.damaged += 1;
                    return;
                };
                self.next = self.next.max(end);
                if end as usize > WORDS || series.words == 0 {
                    self.damaged += 1;
                    return;
                }
                self.found.insert((*family, series.labels.clone()), self.series.len());
                self.last = Some((self.read as u32, self.series.len()));
                self.series.push((*family, series));
            }
        }
    }

    /// Returns the number of a series, among those that were read.
    ///
    /// # Errors
    ///
    /// [`NoWord::OtherDefinition`]. A series that nobody has appended yet is `Ok(None)`.
    pub(crate) fn find(&self, wanted: &Wanted) -> Result<Option<usize>, NoWord> {
        let Some(&family) = self.names.get(&wanted.family.name) else { return Ok(None) };
        let known = &self.families[family].1;
        if let Some(what) = wanted.difference_to(known) {
            return Err(NoWord::OtherDefinition(what));
        }
        let Some(&number) = self.found.get(&(family, wanted.labels.clone())) else {
            return Ok(None);
        };
        let (_, series) = &self.series[number];
        if (series.words, series.merge) == (wanted.words, wanted.merge) {
            Ok(Some(number))
        } else {
            // The number of words follows from the definition.
            Err(NoWord::OtherDefinition("another mode"))
        }
    }

    /// Appends a series that does not exist yet, and its family if that does not exist either. The
    /// caller holds the lock on the directory, and has refreshed this since.
    pub(crate) fn append(
        &mut self,
        mapping: &Mapping,
        file: &File,
        wanted: &Wanted,
        created: u64,
    ) -> Result<usize, NoWord> {
        if self.damaged > 0 {
            return Err(NoWord::Damaged);
        }
        let family = if let Some(family) = self.names.get(&wanted.family.name) {
            *family
        } else {
            self.write(mapping, file, Record::Family(wanted.family.clone()))?;
            self.families.len() - 1
        };
        // A series of several words begins at an even word, as in private memory.
        let first = if wanted.words > 1 { self.next.next_multiple_of(2) } else { self.next };
        if first as usize + wanted.words as usize > WORDS || wanted.words == 0 {
            return Err(NoWord::Full);
        }
        // The process that appended the last series may have been killed before it added the series
        // to the index.
        self.link_last(mapping);
        let series = Series {
            family: self.families[family].0,
            first,
            words: wanted.words,
            merge: wanted.merge,
            created,
            links: index::links(mapping, wanted),
            labels: wanted.labels.clone(),
        };
        self.write(mapping, file, Record::Series(series))?;
        self.link_last(mapping);
        Ok(self.series.len() - 1)
    }

    fn link_last(&self, mapping: &Mapping) {
        if let Some((at, number)) = self.last {
            let (family, series) = &self.series[number];
            index::link(mapping, at, &self.families[*family].1, series);
        }
    }

    /// Appends the first record. The caller is creating the segment.
    pub(crate) fn begin(
        &mut self,
        mapping: &Mapping,
        file: &File,
        identity: Identity,
    ) -> Result<(), NoWord> {
        self.write(mapping, file, Record::Identity(identity))
    }

    fn write(&mut self, mapping: &Mapping, file: &File, record: Record) -> Result<(), NoWord> {
        let words = record.words().ok_or(NoWord::Full)?;
        let end = self.read + words.len();
        if end > layout::MAX_DIRECTORY {
            return Err(NoWord::Full);
        }
        self.reserve(file, (layout::DIRECTORY + end) * 8).map_err(|_| NoWord::Full)?;
        let all = mapping.words();
        for (place, word) in all[layout::DIRECTORY + self.read..].iter().zip(&words) {
            place.store(*word, Ordering::Relaxed);
        }
        // From this point, readers see the whole record.
        store_length(&all[header::DIRECTORY], end);
        self.add(record);
        self.read = end;
        Ok(())
    }

    fn reserve(&mut self, file: &File, until: usize) -> io::Result<()> {
        if until > self.reserved {
            let reserved = until.next_multiple_of(STEP);
            system::reserve(file, 0, reserved)?;
            self.reserved = reserved;
        }
        Ok(())
    }

    /// Returns all series that were read, each with its family.
    pub(crate) fn series(&self) -> impl ExactSizeIterator<Item = (&Family, &Series)> {
        self.series.iter().map(|(family, series)| (&self.families[*family].1, series))
    }

    /// Returns a series that was read, by its number.
    pub(crate) fn get(&self, number: usize) -> &Series {
        &self.series[number].1
    }

    /// Returns how many damaged places were skipped.
    pub(crate) fn damaged(&self) -> u64 {
        self.damaged
    }
}

#[expect(clippy::cast_possible_truncation, reason = "below MAX_DIRECTORY")]
fn store_length(word: &AtomicU64, words: usize) {
    sealed::store(word, words as u32);
}
