//! The lock on the directory of a segment, against other processes.

use std::fs::File;
use std::io;

use crate::count::segment::layout::lock;
use crate::count::segment::patience::Patience;
use crate::count::segment::system;

static PATIENCE: Patience = Patience::new();

/// The lock on a directory; dropping it unlocks it.
#[derive(Debug)]
pub(crate) struct DirectoryLock<'a>(&'a File);

/// Locks the directory against other processes. Waits for them as [`Patience`] says, and returns
/// `None` after that. Threads of one process must exclude each other by another lock.
pub(crate) fn lock_directory(file: &File) -> io::Result<Option<DirectoryLock<'_>>> {
    let try_lock = || match system::try_lock(file, lock::DIRECTORY) {
        Ok(true) => Some(Ok(DirectoryLock(file))),
        Ok(false) => None,
        Err(error) => Some(Err(error)),
    };
    PATIENCE.wait(try_lock).transpose()
}

impl Drop for DirectoryLock<'_> {
    fn drop(&mut self) {
        // Fails only for a closed descriptor, whose lock has already ended.
        let _ = system::unlock(self.0, lock::DIRECTORY);
    }
}
