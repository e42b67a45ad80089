//! The descriptor through which a process locks its blocks.
//!
//! An application may close it, as daemons do, and the system may then use its number for another
//! file. So it is checked before each use. The locks stay: they belong to the description, which
//! the mapping keeps open too.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::mem::{self, ManuallyDrop};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// A descriptor, and the file that it must lead to.
#[derive(Debug)]
pub(crate) struct Held {
    /// `None` in a forked child that could not open its own.
    file: Option<ManuallyDrop<File>>,
    device: u64,
    inode: u64,
    /// Whether the file was just opened, so that the application cannot have closed it.
    is_new: bool,
    /// Whether it was opened again: the description before, which has the locks, cannot be reached.
    is_again: bool,
}

impl Held {
    /// Holds a file that was just opened, of which `found` was read.
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
        // The number of another file belongs to the application: that one is not closed.
        self.file = if self.leads_to_it(&file) {
            Some(file)
        } else {
            self.is_again = true;
            open(path).ok().filter(|again| self.leads_to_it(again)).map(ManuallyDrop::new)
        };
        self.file.as_deref()
    }

    /// Returns the file as the last [`Held::get`] has found it.
    pub(crate) fn checked(&self) -> Option<&File> {
        self.file.as_deref()
    }

    /// Returns the file if its description has the locks of this process. It has not if the
    /// application has closed the descriptor: the mapping alone keeps the locks then.
    pub(crate) fn locking(&mut self, path: &Path) -> Option<&File> {
        self.get(path)?;
        if self.is_again { None } else { self.checked() }
    }

    /// Replaces the descriptor by one with a new description, in a forked child, and calls `remap`
    /// with it. The inherited one is closed, which unlocks nothing: the parent has it too.
    pub(crate) fn replace(&mut self, path: &Path, remap: impl Fn(&File) -> io::Result<()>) {
        let Some(inherited) = self.file.take() else { return };
        let again = if self.leads_to_it(&inherited) {
            // The same file, also if it has lost its name.
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
