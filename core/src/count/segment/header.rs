//! Makes the header of a segment's file, and checks it before anything in the file is trusted.

use std::fs::{File, Metadata};
use std::hash::{BuildHasher, RandomState};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::SystemTime;

use crate::count::segment::directory::Directory;
use crate::count::segment::directory_lock::lock_directory;
use crate::count::segment::layout::{self, header};
use crate::count::segment::mapping::Mapping;
use crate::count::segment::record::Identity;
use crate::count::segment::unavailable::{Unavailable, failed, refused};
use crate::count::segment::{sealed, system};
use crate::sync::Ordering;

/// The bytes of each block that `stat` counts, on all file systems (`man 3type stat`).
const BYTES_OF_BLOCKS: u64 = 512;

/// Maps the file if its header is complete.
pub(crate) fn map_complete(file: &File, found: &Metadata) -> Result<Option<Mapping>, Unavailable> {
    match found.len() {
        0 => return Ok(None),
        length if length == layout::SIZE as u64 => {}
        _ => return Err(refused("the file is damaged", "it must have the size of its layout")),
    }
    // The room of the header is reserved in one step, before any other. Without room, a touch could
    // fail.
    if found.blocks() * BYTES_OF_BLOCKS < (layout::DIRECTORY * 8) as u64 {
        return Ok(None);
    }
    let mapping = Mapping::new(file, true).map_err(failed("cannot map the file"))?;
    let is_ready = mapping.words()[header::READY].load(Ordering::Acquire) != 0;
    Ok(is_ready.then_some(mapping))
}

/// Returns whether the header is complete. Reading the file takes no room, unlike touching the
/// mapping.
pub(crate) fn is_ready(file: &File) -> Result<bool, Unavailable> {
    let mut ready = [0; 8];
    file.read_exact_at(&mut ready, header::READY as u64 * 8)
        .map_err(failed("cannot read the file"))?;
    Ok(ready != [0; 8])
}

/// Writes the header, unless another process has written it meanwhile.
pub(crate) fn create(
    file: &File,
    found: &Metadata,
    identity: &Identity,
) -> Result<Mapping, Unavailable> {
    let Some(lock) = lock_directory(file).map_err(failed("cannot lock the file"))? else {
        return Err(refused("the file is not complete", "another process is making it"));
    };
    let now = file.metadata().map_err(failed("cannot read the file"))?;
    if let Some(mapping) = map_complete(file, &now)? {
        return Ok(mapping);
    }
    // These checks are only here. A header identifies the file that it was written for, so a file
    // with a complete header has passed them.
    if !system::is_tmpfs(file).map_err(failed("cannot read the file system"))? {
        let rule =
            "it must be in tmpfs, such as /dev/shm, because increments would wait for a disk";
        return Err(refused("the file system is not suitable", rule));
    }
    if system::file_limit() < layout::SIZE as u64 {
        let rule = "RLIMIT_FSIZE (ulimit -f) must allow a sparse file of 8.3 GiB";
        return Err(refused("cannot create the file", rule));
    }
    file.set_len(layout::SIZE as u64).map_err(failed("cannot create the file"))?;
    system::reserve(file, 0, layout::DIRECTORY * 8).map_err(failed("cannot reserve room"))?;
    let mapping = Mapping::new(file, true).map_err(failed("cannot map the file"))?;
    let words = mapping.words();
    words[header::MAGIC].store(layout::MAGIC, Ordering::Relaxed);
    for (word, own) in words[header::BIRTH..].iter().zip(birth(found)?) {
        word.store(own, Ordering::Relaxed);
    }
    #[expect(clippy::cast_possible_truncation, reason = "any bits do")]
    sealed::store(&words[header::ID], RandomState::new().hash_one(0) as u32);
    sealed::store(&words[header::BLOCKS], 0);
    sealed::store(&words[header::DIRECTORY], 0);
    sealed::store(&words[header::LAST_GAUGE], 0);
    Directory::default()
        .begin(&mapping, file, identity.clone())
        .map_err(|_| refused("cannot reserve room", "tmpfs is full"))?;
    sealed::store(&words[header::READY], 1);
    drop(lock);
    Ok(mapping)
}

pub(crate) fn check(mapping: &Mapping, found: &Metadata) -> Result<(), Unavailable> {
    let words = mapping.words();
    let what = "the file is damaged";
    if words[header::MAGIC].load(Ordering::Relaxed) != layout::MAGIC
        || sealed::load(&words[header::READY]) != Some(1)
        || sealed::load(&words[header::ID]).is_none()
        || sealed::load(&words[header::BLOCKS])
            .is_none_or(|blocks| blocks as usize > layout::MAX_BLOCKS)
    {
        return Err(refused(what, "it must begin with the header of a segment"));
    }
    let birth = birth(found)?;
    if words[header::BIRTH..]
        .iter()
        .zip(birth)
        .any(|(word, own)| word.load(Ordering::Relaxed) != own)
    {
        let rule = "its header must belong to this file: copies are refused";
        return Err(refused(what, rule));
    }
    Ok(())
}

/// Returns two words that distinguish this file from a copy, and from a file of an earlier boot:
/// its number, and when it was made.
fn birth(found: &Metadata) -> Result<[u64; 2], Unavailable> {
    let made = match found.created() {
        Ok(made) => {
            let since = made.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        }
        // Linux before 6.0 does not store that time for tmpfs.
        Err(_) => boot()?,
    };
    Ok([found.ino(), made])
}

/// Returns half of the random number that identifies this boot of the kernel.
fn boot() -> Result<u64, Unavailable> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_err(failed("cannot read the boot id"))?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).take(16).collect();
    u64::from_str_radix(&digits, 16)
        .map_err(|_| refused("cannot read the boot id", "it must be a UUID"))
}
