//! Opens or creates the file of a segment, and checks everything in it before use.

use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::count::segment::mapping::Mapping;
use crate::count::segment::names::name;
use crate::count::segment::permissions::{check_directory, check_file};
use crate::count::segment::record::Identity;
use crate::count::segment::unavailable::{Unavailable, failed, refused};
use crate::count::segment::{header, index, layout, system};

/// The file of a segment, open and checked.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) found: Metadata,
    pub(crate) path: PathBuf,
    pub(crate) mapping: Mapping,
    pub(crate) identity: Identity,
}

/// Opens the segment of an identity in a directory. Creates both if they are missing.
pub(crate) fn open(directory: &Path, identity: &Identity) -> Result<Opened, Unavailable> {
    // The directory nearly always exists, so this does not try to create it first.
    let user = system::user();
    if check_directory(directory, user).is_err() {
        if directory.symlink_metadata().is_err() {
            // Succeeds if another process creates it meanwhile.
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .map_err(failed("cannot create the directory"))?;
        }
        check_directory(directory, user)?;
    }
    let path = directory.join(name(identity));
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open(&path)
        .map_err(failed("cannot open the file"))?;
    let found = check_file(&file, user)?;
    // An existing file is nearly always complete. Otherwise another process is creating it, or was
    // killed while it created it.
    let mapping = match header::map_complete(&file, &found)? {
        Some(mapping) => mapping,
        None => header::create(&file, &found, identity)?,
    };
    opened(file, path, found, mapping)
}

/// Opens an existing segment to read it.
pub(crate) fn open_to_read(path: &Path) -> Result<Opened, Unavailable> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open(path)
        .map_err(failed("cannot open the file"))?;
    let found = check_file(&file, system::user())?;
    if found.len() != layout::SIZE as u64 || !header::is_ready(&file)? {
        let rule = "it must have the size of its layout, and a header";
        return Err(refused("the file is not complete", rule));
    }
    let mapping = Mapping::new(&file, false).map_err(failed("cannot map the file"))?;
    opened(file, path.to_owned(), found, mapping)
}

/// Opens an existing segment to lock it.
#[cfg(feature = "push")]
pub(crate) fn open_to_lock(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
        .open(path)
}

fn opened(
    file: File,
    path: PathBuf,
    found: Metadata,
    mapping: Mapping,
) -> Result<Opened, Unavailable> {
    header::check(&mapping, &found)?;
    if index::appended(&mapping).is_none() {
        return Err(refused("the file is damaged", "its directory must have a length"));
    }
    let Some(identity) = index::identity(&mapping) else {
        return Err(refused("the file is damaged", "it must name its job and instance"));
    };
    Ok(Opened { file, found, path, mapping, identity })
}
