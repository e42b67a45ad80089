//! The labels under which the counts of a segment are exported. They are in the header, for
//! processes that only read the segment.

use crate::count::segment::attached::Attached;
use crate::count::segment::directory_lock::lock_directory;
use crate::count::segment::layout::{self, header};
use crate::count::segment::record::{Exported, Record};
use crate::sync::locks::Mutex;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// The labels that this process publishes when it attaches.
static OWN: Mutex<Option<Exported>> = Mutex::new(None);

/// Whether this process is the only one with its identity.
static IS_SINGLE: AtomicBool = AtomicBool::new(false);

/// Sets the labels that this process publishes when it attaches, and whether it is the only process
/// with its identity.
#[cfg_attr(not(feature = "exposition"), expect(dead_code, reason = "settings have them"))]
pub(crate) fn set(exported: Exported, is_single: bool) {
    *OWN.lock() = Some(exported);
    IS_SINGLE.store(is_single, Ordering::Relaxed);
}

/// Returns whether this process is the only one with its identity.
#[cfg_attr(not(feature = "process"), expect(dead_code, reason = "`process_*` ask"))]
pub(crate) fn is_single() -> bool {
    IS_SINGLE.load(Ordering::Relaxed)
}

/// Returns the labels in the words of a header. Returns `None` if no process has published any, and
/// while one does.
pub(crate) fn read(words: &[AtomicU64]) -> Option<Exported> {
    match Record::read(&words[header::EXPORTED..layout::DIRECTORY])?.0 {
        Record::Exported(exported) => Some(exported),
        _ => None,
    }
}

impl Attached {
    /// Publishes the labels of this process to readers of the segment. Does nothing if they are
    /// already published, or if another process holds the lock on the directory for long.
    pub(crate) fn publish_labels(&self) {
        let Some(own) = OWN.lock().clone() else { return };
        let words = &self.words()[header::EXPORTED..layout::DIRECTORY];
        if read(self.words()).as_ref() == Some(&own) {
            return;
        }
        let Some(record) = Record::Exported(own).words().filter(|own| own.len() <= words.len())
        else {
            return;
        };
        self.with_file(|file| {
            let Ok(Some(_lock)) = lock_directory(file) else { return };
            for (word, new) in words.iter().zip(record) {
                word.store(new, Ordering::Relaxed);
            }
        });
    }
}
