//! The descriptor through which a process locks its blocks.
//!
//! An application may close it, as daemons do, and the system may then use its number for another
//! file. So it is checked before each use. The locks stay, because they belong to the open file
//! description, which the mapping keeps open too.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::mem::{self, ManuallyDrop};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// A descriptor, and the file that it must refer to.
#[derive(Debug)]
pub(crate) struct Held {
    /// `None` in a forked child that could not open the file.
    file: Option<ManuallyDrop<File>>,
    device: u64,
    inode: u64,
    /// Whether the file was just opened, so that the application cannot have closed it.
    is_new: bool,
    /// Whether it was opened again. The earlier open file description, which has the locks, is then
    /// out of reach.
    is_again: bool,
}

impl Held {
    /// Wraps a file that was just opened; `found` is its metadata.
    pub(crate) fn new(file: File, found: &Metadata) -> Held {
        let (device, inode) = (found.dev(), found.ino());
        Held { file: Some(ManuallyDrop::new(file)), device, inode, is_new: true, is_again: false }
    }

    fn leads_to_it(&self, file: &File) -> bool {
        let (device, inode) = (self.device, self.inode);
        file.metadata().is_ok_and(|found| (found.dev(), found.ino()) == (device, inode))
    }

    /// Returns the file. Opens it again if the application has closed the descriptor.
    pub(crate) fn get(&mut self, path: &Path) -> Option<&File> {
        if mem::take(&mut self.is_new) {
            return self.file.as_deref();
        }
        let file = self.file.take()?;
        // If the number refers to another file, that file belongs to the application, so it stays
        // open.
        self.file = if self.leads_to_it(&file) {
            Some(file)
        } else {
            self.is_again = true;
            open(path).ok().filter(|again| self.leads_to_it(again)).map(ManuallyDrop::new)
        };
        self.file.as_deref()
    }

    /// Returns the file that the last [`Held::get`] returned.
    pub(crate) fn checked(&self) -> Option<&File> {
        self.file.as_deref()
    }

    /// Returns the file if its open file description has the locks of this process. If the
    /// application has closed the descriptor, only the mapping keeps the locks.
    pub(crate) fn locking(&mut self, path: &Path) -> Option<&File> {
        self.get(path)?;
        if self.is_again { None } else { self.checked() }
    }

    /// Replaces the descriptor in a forked child by one with a new open file description, and calls
    /// `remap` with it. Closing the inherited one unlocks nothing, because the parent still has it.
    pub(crate) fn replace(&mut self, path: &Path, remap: impl Fn(&File) -> io::Result<()>) {
        let Some(inherited) = self.file.take() else { return };
        let again = if self.leads_to_it(&inherited) {
            // This opens the same file, even if it has lost its name.
            let again = open(Path::new(&format!("/proc/self/fd/{}", inherited.as_raw_fd())));
            drop(ManuallyDrop::into_inner(inherited));
            again.or_else(|_| open(path))
        } else {
            open(path)
        };
        self.is_again = false;
        let again = again.ok().filter(|again| self.leads_to_it(again));
        self.file = again.filter(|again| remap(again).is_ok()).map(ManuallyDrop::new);
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(libc::O_CLOEXEC).open(path)
}
