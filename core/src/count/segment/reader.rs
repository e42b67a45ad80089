//! Reads a segment in which this process does not count.

use std::fs::File;
use std::io;
#[cfg(feature = "push")]
use std::os::unix::fs::FileExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::count::block::Slot;
use crate::count::segment::attached::reads::Seen;
use crate::count::segment::directory::Directory;
use crate::count::segment::file::{self, Opened};
use crate::count::segment::gauges::Gauge;
use crate::count::segment::layout::{header, lock};
use crate::count::segment::mapping::Mapping;
use crate::count::segment::record::{Exported, Identity};
use crate::count::segment::source::Source;
#[cfg(feature = "push")]
use crate::count::segment::system;
use crate::count::segment::unavailable::Unavailable;
use crate::count::segment::{blocks, exported, names, sealed};
use crate::sync::AtomicUsize;
#[cfg(feature = "push")]
use crate::sync::Ordering;
use crate::sync::locks::Mutex;

/// The segment of other processes.
#[derive(Debug)]
pub(crate) struct Segment {
    file: File,
    path: PathBuf,
    mapping: Mapping,
    identity: Identity,
    directory: Mutex<Directory>,
    exported: Mutex<Option<Exported>>,
    /// The largest number of blocks that a read has found.
    used: AtomicUsize,
}

impl Segment {
    /// Opens a segment to read it.
    pub(crate) fn open(path: &Path) -> Result<Segment, Unavailable> {
        let Opened { file, mapping, identity, .. } = file::open_to_read(path)?;
        Ok(Segment {
            file,
            path: path.to_owned(),
            mapping,
            identity,
            directory: Mutex::new(Directory::default()),
            exported: Mutex::new(None),
            used: AtomicUsize::new(0),
        })
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(crate) fn id(&self) -> u32 {
        sealed::load(&self.mapping.words()[header::ID]).unwrap_or(0)
    }

    /// Returns all series of the directory.
    pub(crate) fn series(&self) -> Vec<Seen> {
        let mut directory = self.directory.lock();
        // If the length is damaged now, returns the series that were read before.
        let _ = directory.refresh(&self.mapping);
        let seen = directory.series();
        seen.map(|(family, series)| Seen {
            family: family.clone(),
            series: series.clone(),
            is_made: false,
        })
        .collect()
    }

    /// Returns how many damaged records were skipped.
    pub(crate) fn damaged(&self) -> u64 {
        let mut directory = self.directory.lock();
        let _ = directory.refresh(&self.mapping);
        directory.damaged()
    }

    fn used(&self) -> usize {
        blocks::largest_used(&self.mapping, &self.used)
    }

    /// Returns how many live processes count in the segment. Each holds one lock for its gauges.
    /// Process ids do not distinguish them, because each container has a process 1.
    pub(crate) fn processes(&self) -> usize {
        blocks::locked(&self.file, lock::GAUGES, self.used()).unwrap_or_default().len()
    }

    /// Returns the labels under which its processes export: the last ones that could be read.
    pub(crate) fn exported(&self) -> Option<Exported> {
        let mut known = self.exported.lock();
        *known = exported::read(self.mapping.words()).or(known.take());
        known.clone()
    }

    /// Returns the time of the last push, in milliseconds of Unix time; 0 before the first.
    #[cfg(feature = "push")]
    pub(crate) fn last_push(&self) -> u64 {
        self.mapping.words()[header::PUSHED].load(Ordering::Relaxed)
    }

    /// Returns when the push without a response began, in milliseconds of Unix time; 0 if every
    /// push has one.
    #[cfg(feature = "push")]
    pub(crate) fn unanswered_push(&self) -> u64 {
        self.mapping.words()[header::PUSHING].load(Ordering::Relaxed)
    }

    /// Takes the turn to push, until the result is dropped. Returns `None` if another process has
    /// the turn, or if the file has lost its name.
    #[cfg(feature = "push")]
    pub(crate) fn try_push(&self) -> Option<Pushing> {
        // A lock needs a writable descriptor. This one is opened only for this lock, so closing it
        // unlocks.
        let file = file::open_to_lock(&self.path).ok()?;
        let (own, there) = (self.file.metadata().ok()?, file.metadata().ok()?);
        let is_same = (own.dev(), own.ino()) == (there.dev(), there.ino());
        (is_same && system::try_lock(&file, lock::TURNS).ok()?).then_some(Pushing(file))
    }

    /// Deletes the file.
    pub(crate) fn delete(&self) -> io::Result<()> {
        let (own, there) = (self.file.metadata()?, self.path.symlink_metadata()?);
        if (own.dev(), own.ino()) != (there.dev(), there.ino()) {
            return Err(io::Error::other("another file has its name by now"));
        }
        std::fs::remove_file(&self.path)
    }

    /// Returns the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the bytes of RAM that the file takes.
    pub(crate) fn size(&self) -> u64 {
        self.file.metadata().map_or(0, |found| found.blocks() * 512)
    }

    /// Returns whether processes that attach now find the file.
    pub(crate) fn is_linked(&self) -> bool {
        names::is_found(&self.file, &self.path)
    }
}

impl Source for Segment {
    fn blocks(&self) -> (&Mapping, usize) {
        (&self.mapping, self.used())
    }

    fn gauges(&self, slot: Slot, how: u8) -> Vec<Gauge> {
        let used = self.used();
        let live = blocks::locked(&self.file, lock::GAUGES, used).unwrap_or_default();
        blocks::gauges(&self.mapping, &live, used, slot, how)
    }
}

/// The turn to push. Dropping it ends the turn.
#[cfg(feature = "push")]
#[derive(Debug)]
pub(crate) struct Pushing(File);

#[cfg(feature = "push")]
impl Pushing {
    /// Records for the processes of the segment that a push begins.
    pub(crate) fn note_request(&self, now: u64) {
        self.write(header::PUSHING, now);
    }

    /// Records for the processes of the segment that their counts were pushed.
    pub(crate) fn note(&self, now: u64) {
        self.write(header::PUSHED, now);
        self.write(header::PUSHING, 0);
    }

    fn write(&self, word: usize, value: u64) {
        // After an error, they push the same counts again.
        let _ = self.0.write_all_at(&value.to_ne_bytes(), word as u64 * 8);
    }
}
