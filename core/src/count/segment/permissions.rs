//! The directories and files that are safe to use: no other user can replace them or write to them.

use std::fs::{File, Metadata};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use crate::count::segment::system;
use crate::count::segment::unavailable::{Unavailable, failed, refused};

/// Returns whether a directory is in tmpfs, belongs to this user, and only this user can write to
/// it.
pub(crate) fn is_fit(directory: &Path) -> bool {
    check_directory(directory, system::user()).is_ok()
        && File::open(directory).is_ok_and(|open| system::is_tmpfs(&open).unwrap_or(false))
}

/// Returns whether a directory is in tmpfs, or would be if it were created.
pub(crate) fn is_in_memory(directory: &Path) -> bool {
    let nearest = directory.ancestors().find_map(|parent| File::open(parent).ok());
    nearest.is_some_and(|open| system::is_tmpfs(&open).unwrap_or(false))
}

/// Returns the user of this process.
pub(crate) fn user() -> u32 {
    system::user()
}

/// Refuses a directory in which another user could replace files.
pub(crate) fn check_directory(directory: &Path, user: u32) -> Result<(), Unavailable> {
    let what = "the directory is not safe";
    let found = directory.symlink_metadata().map_err(failed("cannot read the directory"))?;
    if !found.is_dir() {
        return Err(refused(what, "it must be a directory, not a link"));
    }
    check_owner(&found, user, what, 0o022)
}

pub(crate) fn check_file(file: &File, user: u32) -> Result<Metadata, Unavailable> {
    let what = "the file is not safe";
    let found = file.metadata().map_err(failed("cannot read the file"))?;
    if !found.is_file() {
        return Err(refused(what, "it must be a regular file"));
    }
    check_owner(&found, user, what, 0o077)?;
    Ok(found)
}

fn check_owner(
    found: &Metadata,
    user: u32,
    what: &'static str,
    mode: u32,
) -> Result<(), Unavailable> {
    if found.uid() != user {
        return Err(refused(what, "it must belong to the user of this process"));
    }
    if found.permissions().mode() & mode != 0 {
        return Err(refused(what, "no other user may write to it"));
    }
    Ok(())
}
