//! The lock on the directory of a segment, against other processes.

use std::fs::File;
use std::io;
use std::thread;

use crate::count::segment::layout::lock;
use crate::count::segment::system;

/// How often a lock is tried before it counts as held for long, for instance by a stopped process.
/// A holder needs about 20 microseconds, and each try yields to it.
const TRIES: u32 = 2_000;

/// The lock on a directory; dropping it unlocks it.
#[derive(Debug)]
pub(crate) struct DirectoryLock<'a>(&'a File);

/// Locks the directory against other processes. Returns `None` if one of them holds the lock for
/// long. Threads of one process must exclude each other by another lock.
pub(crate) fn lock_directory(file: &File) -> io::Result<Option<DirectoryLock<'_>>> {
    for _ in 0..TRIES {
        if system::try_lock(file, lock::DIRECTORY)? {
            return Ok(Some(DirectoryLock(file)));
        }
        thread::yield_now();
    }
    Ok(None)
}

impl Drop for DirectoryLock<'_> {
    fn drop(&mut self) {
        // Fails only for a closed descriptor, whose lock has already ended.
        let _ = system::unlock(self.0, lock::DIRECTORY);
    }
}
